/** The derivative of log Γ at x > 0: recurrence up to 7, then the asymptotic series around x - 1/2. */
export function digamma(x: number): number {
  let result = 0;
  let at = x;
  for (; at < 7; at++) result -= 1 / at;
  at -= 0.5;
  const inverse = 1 / at;
  const square = inverse * inverse;
  return result + Math.log(at) + square * (1 / 24 - square * (7 / 960 - square * (31 / 8064 - (square * 127) / 30720)));
}
