import { z } from 'zod';
import { Refusal } from './problem.ts';
import { fromList, fromSegment } from '../api-paths.ts';

const MOST_LISTED = 50;
const LONGEST_NAME = 512;
const LONGEST_KEY = 1_000;
/** Base64 of the JSON of two keys, every character of which takes three bytes. */
const LONGEST_CURSOR = 9_000;
/** Control characters of ASCII, and halves of surrogate pairs: mink stores none, so nothing there is called so. */
const UNCLEAN = /(?![\u0080-\u009f])[\p{Cc}\p{Cs}]/u;

const text = (longest: number): z.ZodString =>
  z
    .string()
    .min(1, 'is empty')
    .max(longest, `is longer than ${longest} characters`)
    .refine(isClean, 'holds control characters');

/** Whether a text can be in a database as it is. */
export function isClean(text: string): boolean {
  return !UNCLEAN.test(text);
}

const whole = (least: number, most: number) =>
  z
    .string()
    .regex(/^\d{1,16}$/u, 'is not a whole number')
    .transform(Number)
    .refine((value) => value >= least && value <= most, `is not from ${least} to ${most}`);

/** A name of a stream, a category, a type, a user. */
export const name = text(LONGEST_NAME);
/** A key of a read model. */
export const key = text(LONGEST_KEY);
/** What a page begins after: a name, with a version in it. */
export const cursor = text(LONGEST_CURSOR);
export const position = whole(0, Number.MAX_SAFE_INTEGER);
/** Of a projection; of a schema. */
export const version = whole(1, 2 ** 31 - 1);
export const limit = (most: number, usual: number) => whole(1, most).default(usual);
export const payloads = z.enum(['none', 'masked', 'full']).optional();
/** Names with commas between them, each encoded as a part of a URL. */
export const names = z
  .string()
  .max(MOST_LISTED * LONGEST_NAME)
  .transform((list, context) => {
    try {
      return fromList(list);
    } catch {
      context.addIssue('holds a % that stands for nothing');
      return z.NEVER;
    }
  })
  .pipe(z.array(name).max(MOST_LISTED, `has more than ${MOST_LISTED} names`));

/** The parameters of a request's query, all of them known, and none of them twice. */
export function readQuery<Shape extends z.ZodRawShape>(request: Request, shape: Shape) {
  const parameters = new URL(request.url).searchParams;
  const given = [...parameters.keys()];
  const twice = given.find((name, index) => given.indexOf(name) !== index);
  if (twice !== undefined) throw new Refusal(400, 'BAD_QUERY', `"${shorten(twice)}" is given twice.`);
  return check('BAD_QUERY', z.strictObject(shape), Object.fromEntries(parameters));
}

/** The parts of a path that stand for something. */
export function readPath<Shape extends z.ZodRawShape>(given: Readonly<Record<string, string>>, shape: Shape) {
  const names = Object.entries(given).map(([part, segment]) => [part, fromSegment(segment)]);
  return check('BAD_PATH', z.strictObject(shape), Object.fromEntries(names));
}

/** A body that is JSON, and holds what is known only. */
export function checkBody<Schema extends z.ZodType>(body: unknown, schema: Schema): z.output<Schema> {
  return check('BAD_BODY', schema, body);
}

function check<Schema extends z.ZodType>(code: string, schema: Schema, value: unknown): z.output<Schema> {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  if (issue?.code === 'unrecognized_keys') throw new Refusal(400, code, 'It holds something that is not known here.');
  const where = issue?.path.join('.') ?? '';
  const what = where === '' ? 'It' : `"${shorten(where)}"`;
  throw new Refusal(400, code, `${what}: ${shorten(issue?.message ?? 'is wrong')}.`);
}

/** What was sent is told again in part only. */
function shorten(text: string): string {
  return text.replaceAll(/[\p{Cc}\p{Cs}]/gu, '?').slice(0, 100);
}
