import type { PayloadAccess, User } from '../api-types.ts';

/** Somebody who may sign in with a token. */
export interface AccessToken {
  /**
   * The secret itself, at least 16 characters. Give it, or its hash.
   * @example crypto.randomUUID()
   */
  readonly token?: string | undefined;
  /** The SHA-256 of the secret, in hex: so that the configuration holds no secret. */
  readonly sha256?: string | undefined;
  /** Whom the audit log names. */
  readonly name: string;
  readonly role: User['role'];
  /**
   * What is shown of payloads and metadata.
   * @defaultValue 'masked'
   */
  readonly payloads?: PayloadAccess | undefined;
}

type MaybeUser = User | null | undefined;

/**
 * Who may use the console: whom the application around it knows, who has a token, or whoever sits at this machine. Exactly one of
 * them.
 */
export type Access =
  | {
      /**
       * Says who sends a request, or undefined or null for nobody: the session, the single sign-on or the proxy of your application. What
       * it throws lets nobody in.
       */
      readonly authenticate: (request: Request) => MaybeUser | Promise<MaybeUser>;
    }
  | { readonly tokens: readonly AccessToken[] }
  | {
      /**
       * Everybody who asks from this machine by its own name (`localhost`, `127.0.0.1`, `[::1]`), and not through a proxy. Needs the
       * address of whoever asks: see `fetch`.
       */
      readonly anonymous: Omit<User, 'name'>;
    };

/** Whom the audit log names where nobody has signed in. */
export const ANONYMOUS = 'anonymous';

const ORDER: readonly PayloadAccess[] = ['none', 'masked', 'full'];

/** What a request gives of payloads: what is asked for, `masked` unless it says otherwise, up to what the user may see. */
export function payloadAccess(user: User, asked: PayloadAccess = 'masked'): PayloadAccess {
  return ORDER[Math.min(ORDER.indexOf(asked), ORDER.indexOf(user.payloads))] ?? 'none';
}
