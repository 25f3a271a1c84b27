import type { ActionName, Role, User } from '../api-types.ts';

/**
 * The role that each action takes. An operator mends; what cannot be taken back takes an admin. None is allowed where the console
 * is read-only.
 */
export const ACTIONS: Readonly<Record<ActionName, Exclude<Role, 'viewer'>>> = {
  pause: 'operator',
  resume: 'operator',
  partition: 'operator',
  plan: 'operator',
  build: 'operator',
  rebuild: 'operator',
  compare: 'operator',
  'what-if': 'operator',
  verify: 'operator',
  switch: 'operator',
  rollback: 'operator',
  // Empties what is read now, and forgets what was discarded.
  reset: 'admin',
  // Drops rows for good.
  retire: 'admin',
  'dry-run': 'operator',
  retry: 'operator',
  'retry-all': 'operator',
  // Gives events up for good.
  discard: 'admin',
  'check-schema': 'operator',
  'cancel-job': 'operator',
};

const RANK: Readonly<Record<Role, number>> = { viewer: 0, operator: 1, admin: 2 };

/** Whether a role includes another one. */
export function isAtLeast(role: Role, wanted: Role): boolean {
  return RANK[role] >= RANK[wanted];
}

/** Why somebody may not do something, whatever it is done to. */
export interface NotAllowed {
  readonly code: 'READ_ONLY' | 'NOT_ALLOWED';
  readonly message: string;
}

/** Undefined where they may. */
export function whyNot({ role }: Pick<User, 'role'>, action: ActionName, isReadOnly: boolean): NotAllowed | undefined {
  if (isReadOnly) {
    const message = 'This console is read-only. Use another one, or the command line.';
    return { code: 'READ_ONLY', message };
  }
  const wanted = ACTIONS[action];
  if (isAtLeast(role, wanted)) return undefined;
  return { code: 'NOT_ALLOWED', message: `This takes the role "${wanted}"; yours is "${role}".` };
}

/** All that somebody may not do, and why. */
export function refusalsOf(user: Pick<User, 'role'>, isReadOnly: boolean): Partial<Record<ActionName, string>> {
  return Object.fromEntries(
    Object.keys(ACTIONS)
      .filter(isAction)
      .flatMap((action) => {
        const reason = whyNot(user, action, isReadOnly);
        return reason === undefined ? [] : [[action, reason.message]];
      }),
  );
}

function isAction(name: string): name is ActionName {
  return Object.hasOwn(ACTIONS, name);
}
