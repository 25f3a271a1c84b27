import type { MinkErrorOptions } from '../errors.ts';

/**
 * A rule of the domain that a command would break: extend it for errors of your own. It is the command's result: never
 * retried, told to every repeat of a command with an id, and no reason to wake anybody.
 *
 * @example
 * class OrderAlreadyShippedError extends BusinessRuleViolationError {
 *   constructor() {
 *     super('ORDER_ALREADY_SHIPPED', 'The order was shipped; nothing about it can change any more.');
 *   }
 * }
 */
export class BusinessRuleViolationError extends Error {
  readonly code: string;

  constructor(code: string, message: string, options?: MinkErrorOptions) {
    super(message, options);
    this.name = new.target.name;
    this.code = code;
  }
}
