/** What predicts a file, bit by bit, the highest of a byte first. */
export interface BitModel {
  /** The probability that a 1 comes, in 1/65,536; neither 0 nor 1. */
  predict(): number;
  /** The bit that came. */
  update(bit: 0 | 1): void;
}
