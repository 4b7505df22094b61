// What figures of loss curves share: axes of whole decades.

// Whole powers of ten around the values above zero of all lists, ten decades or so at most.
function decadesAround(lists, cap) {
  let low = Infinity, high = 0;
  for (const values of lists) {
    for (let k = 0; k < values.length; k++) {
      const v = values[k];
      if (v > high && v <= cap) high = v;
      if (v > 0 && v < low) low = v;
    }
  }
  if (!(high > 0)) [low, high] = [0.1, 1];
  low = Math.max(Math.min(low, high), high * 1e-12);
  const bottom = Math.floor(Math.log10(low) + 1e-9);
  return { low: bottom, high: Math.max(bottom + 1, Math.ceil(Math.log10(high) - 1e-9)), log: true };
}
