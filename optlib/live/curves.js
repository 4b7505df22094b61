// What figures of loss curves share: random numbers from a seed, and axes of whole decades.

// Uniform numbers from a seed (mulberry32); normal ones by Box-Muller.
function uniforms(seed) {
  let a = seed * 2654435761 + 1;
  return () => {
    a = (a + 0x6d2b79f5) | 0;
    let u = Math.imul(a ^ (a >>> 15), a | 1);
    u ^= u + Math.imul(u ^ (u >>> 7), u | 61);
    return ((u ^ (u >>> 14)) >>> 0) / 4294967296;
  };
}

function deviates(seed, count) {
  const uniform = uniforms(seed);
  return Float64Array.from({ length: count }, () => Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform()));
}

// Whole powers of ten around the values above zero, ten decades or so at most.
function decadesAround(values, cap) {
  let low = Infinity, high = 0;
  for (const v of values) {
    if (v > high && v <= cap) high = v;
    if (v > 0 && v < low) low = v;
  }
  if (!(high > 0)) [low, high] = [0.1, 1];
  low = Math.max(Math.min(low, high), high * 1e-12);
  const bottom = Math.floor(Math.log10(low) + 1e-9);
  return { low: bottom, high: Math.max(bottom + 1, Math.ceil(Math.log10(high) - 1e-9)), log: true };
}
