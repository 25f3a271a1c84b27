import type { ServiceProcess } from './service-process.ts';

interface Member {
  readonly process: ServiceProcess;
  /** Requests under way. */
  busy: number;
  whenIdle: () => void;
}

/** The processes behind a load balancer: requests go round; a process that leaves is given no more, and ends its last ones first. */
export class Fleet implements AsyncDisposable {
  readonly #members: Member[] = [];
  #turn = 0;

  add(process: ServiceProcess): void {
    this.#members.push({ process, busy: 0, whenIdle: () => undefined });
  }

  /** Sends a request to the process whose turn it is. */
  async send<T>(request: (process: ServiceProcess) => Promise<T>): Promise<T> {
    this.#turn += 1;
    const member = this.#members[this.#turn % this.#members.length];
    if (member === undefined) throw new Error('There is no process to take a request.');
    member.busy += 1;
    try {
      return await request(member.process);
    } finally {
      member.busy -= 1;
      if (member.busy === 0) member.whenIdle();
    }
  }

  /** Takes the oldest process out, and stops it. */
  async removeOldest(): Promise<void> {
    const member = this.#members.shift();
    if (member === undefined) return;
    if (member.busy > 0) await new Promise<void>((resolve) => (member.whenIdle = resolve));
    await member.process.stop();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const stopped = await Promise.allSettled(this.#members.splice(0).map(({ process }) => process.stop()));
    const failed = stopped.find((it) => it.status === 'rejected');
    if (failed !== undefined) throw failed.reason;
  }
}
