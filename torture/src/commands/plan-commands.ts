import type { Random } from '../random.ts';
import { COMMAND_TYPES, type CommandType } from './accounts.ts';
import type { PlannedCommand } from './answers.ts';

const ACCOUNTS = ['1', '2', '3', '4', '5', '6', '7', '8'] as const;
const EMAILS = ['ann@x', 'bob@x', 'cid@x', 'dan@x', 'eve@x', 'fay@x', 'gus@x'] as const;

/** How often each comes, in all. */
const WEIGHTS: Readonly<Record<CommandType, number>> = {
  Open: 4,
  ChangeEmail: 5,
  Close: 2,
  Deposit: 8,
  Withdraw: 4,
  Transfer: 4,
  SwapEmails: 4,
  Look: 1,
};

/** Commands that meet at few accounts and few values. Numbers are kept for all time, so there is a new one now and then. */
export class Plans {
  readonly #random: Random;
  readonly #types: readonly CommandType[];
  #made = 0;

  constructor(random: Random) {
    this.#random = random;
    this.#types = COMMAND_TYPES.flatMap((type) => Array.from({ length: WEIGHTS[type] }, () => type));
  }

  next(): PlannedCommand {
    const random = this.#random;
    this.#made += 1;
    const account = random.pick(ACCOUNTS);
    const others = random.shuffle(ACCOUNTS.filter((id) => id !== account));
    const type = this.#types[random.int(0, this.#types.length - 1)] ?? 'Look';
    return {
      id: `command-${this.#made}-${random.uuid()}`,
      type,
      data: {
        account,
        other: others[0] ?? account,
        amount: random.int(1, 20),
        email: random.pick(EMAILS),
        number: String(random.int(1, 10 + Math.floor(this.#made / 10))),
      },
    };
  }
}
