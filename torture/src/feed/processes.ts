import { LAST_TYPE, RARE_TYPE } from '../actors/event-types.ts';
import { runSql } from '../cluster/sql.ts';
import { READER_TABLES, ReaderChild } from '../processes/reader-child.ts';
import { WriterChild } from '../processes/writer-child.ts';
import type { Stage } from './stage.ts';

/** Processes that write and read. */
export interface Processes {
  readonly writers: readonly [WriterChild, ...WriterChild[]];
  readonly readers: readonly [ReaderChild, ...ReaderChild[]];
}

/**
 * Two writer processes, a reader that keeps its cursor in a file, one that keeps it in a table, and one that wants rare events
 * only; all of them reach the database by this URL.
 */
export async function startProcesses(
  stage: Stage,
  {
    url,
    timeout,
    writers = 3,
    maxPause = 30,
  }: { readonly url: string; readonly timeout: number; readonly writers?: number; readonly maxPause?: number },
): Promise<Processes> {
  const { directory, random, history: recorder } = stage;
  await runSql(stage.url, READER_TABLES);
  const [w1, w2] = ['w1', 'w2'].map((name) =>
    stage.addWriter(
      new WriterChild({ name, url, directory, random: random.derive(name), recorder, writers, maxPause, timeout }),
    ),
  );
  if (w1 === undefined || w2 === undefined) throw new Error('there are two writers');
  const reader = { url, directUrl: stage.url, directory };
  const readers = [
    stage.addReader(new ReaderChild({ ...reader, name: 'r1', keeps: 'file', pageSize: 20 })),
    stage.addReader(new ReaderChild({ ...reader, name: 'r2', keeps: 'table', pageSize: 50 })),
    stage.addReader(
      new ReaderChild({ ...reader, name: 'r3', keeps: 'file', pageSize: 5, types: [RARE_TYPE, LAST_TYPE] }),
    ),
  ] as const;
  return { writers: [w1, w2], readers };
}
