/**
 * Amounts are numbers with at most two decimals, such as 29.99. They are added up in whole cents, because decimals are
 * not exact in floating point: `0.1 + 0.2` is not `0.3`.
 */
const CENTS = 100;

/** Whether this is an amount of money: zero or more, in whole cents. */
export function isAmount(amount: number): boolean {
  const cents = toCents(amount);
  return amount >= 0 && Number.isSafeInteger(cents) && fromCents(cents) === amount;
}

/** The total with one more line in it. */
export function addLine(total: number, line: { readonly quantity: number; readonly price: number }): number {
  return fromCents(toCents(total) + line.quantity * toCents(line.price));
}

/** The sum of two amounts. */
export function addAmounts(left: number, right: number): number {
  return fromCents(toCents(left) + toCents(right));
}

/** An amount in whole cents. */
export function toCents(amount: number): number {
  return Math.round(amount * CENTS);
}

/** The amount that so many cents are. */
export function fromCents(cents: number): number {
  return cents / CENTS;
}
