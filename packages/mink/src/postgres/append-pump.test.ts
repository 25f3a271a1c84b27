import { describe, expect, test } from 'vitest';
import { AppendPump } from './append-pump.ts';
import { encodeCommand, type AppendAnswer, type EncodedCommand } from './queries/encode-command.ts';

const settings = {
  lanes: 2,
  maxCommands: 400,
  slowLanes: 1,
  maxQueued: 10_000,
  lockTimeout: 50,
  slowLockTimeout: 1_000,
};

function command(streamName: string): EncodedCommand {
  const event = {
    id: '00000000-0000-7000-8000-000000000001',
    type: 'Noted',
    schemaVersion: 1,
    data: null,
    metadata: {},
    hasNegativeZero: false,
  };
  const entry = { streamName, category: 'Note', expectedVersion: 'any' as const, events: [event] };
  return encodeCommand({ entries: [entry], mayBeRepeated: false });
}

const appended: AppendAnswer = {
  outcome: 'appended',
  culprit: undefined,
  versions: [0],
  positions: [1],
  recordedAt: 0,
};

/** A pump whose calls a test answers, the oldest first. */
function pumping() {
  const calls: { readonly size: number; readonly answer: () => void }[] = [];
  const pump = new AppendPump({
    ...settings,
    send: (commands) =>
      new Promise((resolve) => {
        calls.push({ size: commands.length, answer: () => resolve(commands.map(() => appended)) });
      }),
  });
  const answer = async (): Promise<void> => {
    calls.shift()?.answer();
    await settled();
  };
  return { pump, answer, sizes: () => calls.map(({ size }) => size) };
}

/** Everything that can happen without an answer has happened. */
function settled(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}

describe('a pump with two lanes', () => {
  test('sends a command that comes alone at once, and the next one beside it', async () => {
    const { pump, sizes } = pumping();
    void pump.append(command('Note-1'), undefined);
    await settled();
    expect(sizes()).toEqual([1]);
    void pump.append(command('Note-2'), undefined);
    await settled();
    expect(sizes()).toEqual([1, 1]);
    void pump.append(command('Note-3'), undefined);
    await settled();
    expect(sizes()).toEqual([1, 1]);
  });

  test('shares what comes together among its lanes, and goes on doing so when it comes back', async () => {
    const { pump, answer, sizes } = pumping();
    let appends = 0;
    const write = async (writer: number): Promise<void> => {
      while (appends < 320) {
        appends += 1;
        await pump.append(command(`Note-${writer}`), undefined);
      }
    };
    const writing = Promise.all(Array.from({ length: 32 }, (_, writer) => write(writer)));
    await settled();
    for (let call = 0; call < 18; call += 1) {
      expect(sizes()).toEqual([16, 16]);
      await answer();
    }
    while (sizes().length > 0) await answer();
    await writing;
  });

  test('never sends more than a call may hold', async () => {
    const { pump, answer, sizes } = pumping();
    const all = Array.from({ length: 2_000 }, (_, n) => pump.append(command(`Note-${n}`), undefined));
    await settled();
    expect(sizes()).toEqual([400, 400]);
    while (sizes().length > 0) await answer();
    await Promise.all(all);
  });
});
