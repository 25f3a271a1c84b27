import { array, assert, property, string } from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Pseudonyms } from './pseudonyms.ts';

const pseudonyms = (keep: readonly string[] = []): Pseudonyms =>
  new Pseudonyms({ secret: 'a', keep, known: new Set(['Order-1']) });

describe('pseudonyms', () => {
  test('have the form of what they stand for', () => {
    const value = pseudonyms();
    expect(value.text('SKU-001')).toMatch(/^[A-Z]{3}-\d{3}$/u);
    expect(value.text('ada.l@example.com')).toMatch(/^[a-z]{3}\.[a-z]@[a-z]{7}\.[a-z]{3}$/u);
    expect(value.text('3F2504E0-4F89-11D3-9A0C-0305E82C3301')).toMatch(
      /^[0-9A-F]{8}(?:-[0-9A-F]{4}){3}-[0-9A-F]{12}$/u,
    );
    expect(value.text('Ünïcode')).toMatch(/^[A-Z][a-z]{6}$/u);
    for (const kept of ['Order-1', '2026-01-31', '2026-01-31T10:00:00.000Z', '', ' - '])
      expect(value.text(kept)).toBe(kept);
  });

  test('leave numbers, but for those that say who somebody is, and what is to be kept', () => {
    const value = pseudonyms(['address.country', 'tier']);
    const person = { total: 12.5, isOpen: true, none: null, phone: 4912345, tier: 'gold' };
    const address = { country: { code: 'DE' }, city: 'Bonn' };
    const redacted = value.object({ ...person, address, lines: [{ tier: 'x' }, { sku: 'ab' }] });
    expect(redacted).toMatchObject({ total: 12.5, isOpen: true, none: null, tier: 'gold', lines: [{ tier: 'x' }, {}] });
    expect(redacted).toMatchObject({ address: { country: { code: 'DE' } } });
    expect(redacted['phone']).not.toBe(4912345);
    expect(JSON.stringify(redacted)).not.toMatch(/Bonn|"ab"/u);
  });

  test('stand for names that are values, and for what says when somebody was born', () => {
    const value = pseudonyms(['rates.EUR/USD']);
    const redacted = value.object({
      byMail: { 'grace@example.com': 2, 'a.l@example.com': 3 },
      'first name': 'Ada',
      'content-type': 'x',
      rates: { 'EUR/USD': 1, 7: 2 },
      birthDate: '1815-12-10',
      paidAt: '2026-01-31',
      mobile: 49151,
    });
    const text = JSON.stringify(redacted);
    expect(text).not.toMatch(/grace|a\.l@|1815|49151/u);
    expect(Object.keys(Object(redacted['byMail'])).toString()).toMatch(
      /^[a-z]{5}@[a-z]{7}\.[a-z]{3},[a-z]\.[a-z]@[a-z]{7}\.[a-z]{3}$/u,
    );
    expect(Object.keys(redacted)).toContain('content-type');
    expect(redacted).toMatchObject({
      'first name': expect.stringMatching(/^[A-Z][a-z]{2}$/u),
      rates: { 'EUR/USD': 1, 7: 2 },
      birthDate: expect.stringMatching(/^\d{4}-\d{2}-\d{2}$/u),
      paidAt: '2026-01-31',
    });
  });

  test('stand for one text each, wherever it comes, and never show it', () => {
    assert(
      property(array(string({ minLength: 4, unit: 'grapheme' }), { maxLength: 50 }), (texts) => {
        const value = pseudonyms();
        const once = texts.map((text) => value.text(text));
        expect(texts.map((text) => value.text(text))).toEqual(once);
        expect(new Set(once).size).toBe(new Set(texts).size);
        const told = texts.filter((text, index) => {
          return /[\p{L}\p{N}]/u.test(text) && !/^\d{4}-\d{2}-\d{2}/u.test(text) && once[index] === text;
        });
        expect(told).toEqual([]);
      }),
    );
  });

  test('take the values out of errors, known or quoted', () => {
    const value = pseudonyms();
    value.text('Ada Lovelace');
    const text = value.prose('Cannot take Ada Lovelace: Key (email)=(a@b.de) of "Grace Hopper"');
    expect(text).toContain('Cannot take');
    expect(text).not.toMatch(/Ada|Lovelace|a@b\.de|Grace|Hopper/u);
    value.object({ born: '1815-12-10T00:00:00Z', phone: 4915112345, sign: 'x(y' });
    const parts = value.prose(
      'no ADA, no mr. Lovelace, at 4915112345, since 1815-12-10, of x(y, on Order-1 2026-01-31',
    );
    expect(parts).not.toMatch(/ada|lovelace|49151|1815|x\(y/iu);
    expect(parts).toMatch(/^no [A-Z]{3}, no mr\. [A-Z][a-z]{7}, at .*, on Order-1 2026-01-31$/u);
  });
});
