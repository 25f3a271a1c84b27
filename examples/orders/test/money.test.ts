import { describe, expect, it } from 'vitest';
import { addLine, isAmount } from '../src/money.ts';

describe('money', () => {
  it('adds amounts without rounding errors', () => {
    expect(addLine(addLine(0, { quantity: 1, price: 0.1 }), { quantity: 1, price: 0.2 })).toBe(0.3);
    expect(addLine(0, { quantity: 3, price: 29.99 })).toBe(89.97);
    expect(addLine(0, { quantity: 3, price: 1.1 })).toBe(3.3);
  });

  it('takes every amount with two decimals', () => {
    const amounts = Array.from({ length: 100_000 }, (_, cents) => Number((cents / 100).toFixed(2)));
    expect(amounts.filter((amount) => !isAmount(amount))).toEqual([]);
  });

  it.each([-0.01, 0.001, 29.999, Number.NaN, Number.POSITIVE_INFINITY, 1e300])('refuses %d', (amount) => {
    expect(isAmount(amount)).toBe(false);
  });
});
