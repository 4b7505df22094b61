// What a reader types, and which of a question's numbers it meets. Run: node --test web
import assert from 'node:assert/strict';
import test from 'node:test';
import { matching, readNumber } from './questions.js';

const numbers = [
  ['346', 346],
  [' 1,375 ', 1375],
  ['1,234,567.5', 1234567.5],
  ['0,5', 0.5],
  ['0,125', 0.125],
  ['20 000', 20000],
  ['1/50', 0.02],
  ['−2e-3', -0.002],
  ['.5', 0.5],
  ['+3.', 3],
];
for (const [text, value] of numbers)
  test(`"${text}" is ${value}`, () => assert.equal(readNumber(text), value));

for (const text of ['', 'many', '1/2/3', '1..2', '0x10', 'e5', '12 %', '1/', 'Infinity'])
  test(`"${text}" is no number`, () => assert.ok(Number.isNaN(readNumber(text))));

test('a number meets the first that is near enough, else the last', () => {
  const answers = [[346, 1], [-0.002, 0.0001], null];
  const met = [346, 345, 347.001, -0.0021, -0.00211, 1e9].map((x) => matching(x, answers));
  assert.deepEqual(met, [0, 0, 2, 1, 2, 2]);
});
