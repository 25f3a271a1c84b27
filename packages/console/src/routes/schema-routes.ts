import { Hono } from 'hono';
import { shapeText, type RecordedShape, type ShapeOwner } from 'mink';
import { z } from 'zod';
import type { SchemaCheck, SchemaOverview, SchemaType } from '../api-types.ts';
import type { ConsoleContext } from '../console-context.ts';
import { grantAccess, type ApiEnvironment } from '../http/api.ts';
import { checkBody, readQuery } from '../http/parameters.ts';
import { showJob } from '../jobs/show-job.ts';
import { startJob } from '../jobs/start-job.ts';

const PAGE = 500;
const MOST_SHAPES = 5_000;

/** The types of events, their versions, and the shapes that were recorded. */
export function schemaRoutes(context: ConsoleContext): Hono<ApiEnvironment> {
  const { store, folds } = context;
  const app = new Hono<ApiEnvironment>();
  app.get('/', async (c) => {
    readQuery(c.req.raw, {});
    return c.json(overviewOf(store.schema.types(), await readShapes(context)));
  });
  app.post('/check', async (c) => {
    readQuery(c.req.raw, {});
    const { user, body } = c.var;
    const job = await startJob(context, {
      action: 'check-schema',
      subject: 'schema',
      holds: 'schema',
      user,
      details: {},
      prepare: () => {
        checkBody(body, z.strictObject({}));
        return async (signal) =>
          toCheck(
            await store.schema.check(
              folds.map(({ fold }) => fold),
              { signal },
            ),
          );
      },
    });
    return c.json(showJob(job, grantAccess(c, undefined)), 202);
  });
  return app;
}

async function readShapes({ storage }: ConsoleContext): Promise<readonly RecordedShape[]> {
  const shapes: RecordedShape[] = [];
  for (;;) {
    const page = await storage.listShapes({ after: shapes.at(-1), limit: PAGE });
    shapes.push(...page);
    if (page.length < PAGE || shapes.length >= MOST_SHAPES) return shapes;
  }
}

function overviewOf(written: readonly ShapeOwner[], shapes: readonly RecordedShape[]): SchemaOverview {
  const types = new Map<string, SchemaType>();
  const typeOf = ({ category, type }: Pick<ShapeOwner, 'category' | 'type'>): SchemaType =>
    types.get(JSON.stringify([category, type])) ?? { category, type, shapes: [] };
  const keep = (type: SchemaType): void => void types.set(JSON.stringify([type.category, type.type]), type);
  for (const owner of written) keep({ ...typeOf(owner), currentVersion: owner.schemaVersion });
  for (const shape of shapes) {
    const type = typeOf(shape);
    keep({ ...type, shapes: [...type.shapes, toShape(shape)] });
  }
  return { types: [...types.values()].toSorted(byName) };
}

function toShape(recorded: RecordedShape): SchemaType['shapes'][number] {
  const { schemaVersion, hash, shape, eventCount, firstPosition, lastPosition, recordedAt } = recorded;
  return {
    schemaVersion,
    hash,
    text: shapeText(shape),
    events: eventCount,
    ...(firstPosition === undefined ? {} : { firstPosition }),
    ...(lastPosition === undefined ? {} : { lastPosition }),
    recordedAt,
  };
}

function byName(left: SchemaType, right: SchemaType): number {
  const [one, other] = [`${left.category}-${left.type}`, `${right.category}-${right.type}`];
  return one < other ? -1 : one > other ? 1 : 0;
}

type Checked = Awaited<ReturnType<ConsoleContext['store']['schema']['check']>>;

/** Errors are texts from here on; whoever shows them masks them. */
function toCheck({ shapes, broken }: Checked): SchemaCheck {
  return {
    shapes,
    broken: broken.map(({ category, type, schemaVersion, error }) => {
      return { category, type, schemaVersion, error: error instanceof Error ? error.message : String(error) };
    }),
  };
}
