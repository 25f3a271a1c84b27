import {
  BusinessRuleViolationError,
  commandHandlers,
  createCommandBus,
  deciderHandlers,
  defineCommands,
  defineDecider,
  defineEvents,
  payload,
  type EventStore,
  type Middleware,
} from 'mink';

/** What every event says: the command it came of, and its place there. */
interface Origin {
  readonly attempt: string;
  readonly index: number;
}

/** The values that a stream holds from an event on. */
interface Named extends Origin {
  readonly email?: string | null;
  readonly number?: string | null;
}

export const accountEvents = defineEvents(
  {
    Opened: payload<Named>(),
    EmailChanged: payload<Named>(),
    Closed: payload<Named>(),
    Deposited: payload<Origin & { readonly amount: number }>(),
    Withdrawn: payload<Origin & { readonly amount: number }>(),
  },
  {
    unique: {
      email: (event) => ('email' in event.data ? event.data.email : undefined),
      number: { values: (event) => ('number' in event.data ? event.data.number : undefined), forever: true },
    },
  },
);

/** One shape for all commands; each uses what it needs. */
export interface CommandData {
  readonly account: string;
  readonly other: string;
  readonly amount: number;
  readonly email: string;
  readonly number: string;
}

/** With the command's id, so that every event can say which command it came of. */
interface SentData extends CommandData {
  readonly token: string;
}

/** Commands of one account, which a decider handles. */
const entityCommands = defineCommands({
  Open: payload<SentData>(),
  ChangeEmail: payload<SentData>(),
  Close: payload<SentData>(),
  Deposit: payload<SentData>(),
  Withdraw: payload<SentData>(),
});

/** Commands of two accounts, or without events. */
const otherCommands = defineCommands({
  Transfer: payload<SentData>(),
  SwapEmails: payload<SentData>(),
  Look: payload<SentData>(),
});

export const COMMAND_TYPES = [
  'Open',
  'ChangeEmail',
  'Close',
  'Deposit',
  'Withdraw',
  'Transfer',
  'SwapEmails',
  'Look',
] as const;

export type CommandType = (typeof COMMAND_TYPES)[number];

class RuleError extends BusinessRuleViolationError {}

interface Account {
  readonly isOpen: boolean;
  readonly balance: number;
  readonly email: string | undefined;
}

type EntityCommand = {
  readonly type: 'Open' | 'ChangeEmail' | 'Close' | 'Deposit' | 'Withdraw';
  readonly data: SentData;
};

const account = defineDecider({
  category: 'Account',
  events: accountEvents,
  initialState: (): Account => ({ isOpen: false, balance: 0, email: undefined }),
  evolve: (state, { type, data }): Account => {
    switch (type) {
      case 'Opened':
        return { ...state, isOpen: true, email: data.email ?? undefined };
      case 'EmailChanged':
        return { ...state, email: data.email ?? undefined };
      case 'Closed':
        return { ...state, isOpen: false, email: undefined };
      case 'Deposited':
        return { ...state, balance: state.balance + data.amount };
      case 'Withdrawn':
        return { ...state, balance: state.balance - data.amount };
    }
  },
  decide: ({ type, data }: EntityCommand, state) => {
    const origin = { attempt: data.token, index: 0 };
    switch (type) {
      case 'Open':
        if (state.isOpen) throw new RuleError('OPEN_ALREADY', `${data.account} is open.`);
        return accountEvents.Opened({ ...origin, email: data.email, number: data.number });
      case 'ChangeEmail':
        if (!state.isOpen) throw new RuleError('NOT_OPEN', `${data.account} is not open.`);
        // Nothing to do is a result, too.
        return state.email === data.email ? [] : accountEvents.EmailChanged({ ...origin, email: data.email });
      case 'Close':
        if (!state.isOpen) throw new RuleError('NOT_OPEN', `${data.account} is not open.`);
        return accountEvents.Closed({ ...origin, email: null, number: null });
      case 'Deposit':
        return Array.from({ length: 1 + (data.amount % 3) }, (_, index) =>
          accountEvents.Deposited({ ...origin, index, amount: data.amount }),
        );
      case 'Withdraw':
        if (state.balance < data.amount) throw new RuleError('TOO_LITTLE', `There are ${state.balance}.`);
        return accountEvents.Withdrawn({ ...origin, amount: data.amount });
    }
  },
});

type AccountStore = EventStore<{ readonly Account: typeof accountEvents }>;

/** Handlers that read two accounts, and append to both or to none. */
function handlersOfTwo(store: AccountStore) {
  const load = (id: string) => store.load(account, id);
  return commandHandlers(otherCommands, {
    Transfer: async ({ data }) => {
      const [from, to] = await Promise.all([load(data.account), load(data.other)]);
      if (from.state.balance < data.amount) throw new RuleError('TOO_LITTLE', `There are ${from.state.balance}.`);
      const origin = { attempt: data.token, amount: data.amount };
      return {
        append: [
          {
            streamName: from.streamName,
            expectedVersion: from.streamVersion,
            events: [accountEvents.Withdrawn({ ...origin, index: 0 })],
          },
          { streamName: to.streamName, events: [accountEvents.Deposited({ ...origin, index: 1 })] },
        ],
        value: { left: from.state.balance - data.amount },
      };
    },
    SwapEmails: async ({ data }) => {
      const both = await Promise.all([load(data.account), load(data.other)]);
      const [left, right] = both;
      if (left.state.email === undefined && right.state.email === undefined) return { value: { swapped: false } };
      const emails = [right.state.email ?? null, left.state.email ?? null];
      return {
        append: both.map(({ streamName: name, streamVersion }, index) => ({
          streamName: name,
          expectedVersion: streamVersion,
          events: [accountEvents.EmailChanged({ attempt: data.token, index, email: emails[index] ?? null })],
        })),
        value: { swapped: true },
      };
    },
    Look: async ({ data }) => ({ value: { balance: (await load(data.account)).state.balance } }),
  });
}

/** Sends a command through a bus, and gives what came back. */
export type Dispatch = (type: CommandType, id: string, data: CommandData) => Promise<unknown>;

/** The real bus of the library on a store, with these layers. */
export function createDispatch(store: AccountStore, middleware: readonly Middleware[]): Dispatch {
  const bus = createCommandBus(store, {
    handlers: [
      deciderHandlers(entityCommands, account, { id: ({ data }) => data.account, tries: 10 }),
      handlersOfTwo(store),
    ],
    middleware,
  });
  return (type, id, given) => {
    const data = { ...given, token: id };
    switch (type) {
      case 'Open':
      case 'ChangeEmail':
      case 'Close':
      case 'Deposit':
      case 'Withdraw':
        return bus.dispatch(entityCommands[type](data, { id }));
      case 'Transfer':
      case 'SwapEmails':
      case 'Look':
        return bus.dispatch(otherCommands[type](data, { id }));
    }
  };
}
