import { BusinessRuleViolationError } from 'mink';

/** The codes never change: clients branch on them. */
export type OrderErrorCode =
  | 'INVALID_ITEM'
  | 'ORDER_ALREADY_CANCELLED'
  | 'ORDER_ALREADY_CONFIRMED'
  | 'ORDER_ALREADY_EXISTS'
  | 'ORDER_ALREADY_SHIPPED'
  | 'ORDER_EMPTY'
  | 'ORDER_NOT_CONFIRMED'
  | 'ORDER_NOT_FOUND'
  | 'ORDER_VERSION_NOT_FOUND';

/** A rule of the order domain that a command or a query would break. */
abstract class OrderError extends BusinessRuleViolationError {
  // oxlint-disable-next-line no-useless-constructor -- any other code does not compile
  constructor(code: OrderErrorCode, message: string) {
    super(code, message);
  }
}

export class OrderNotFoundError extends OrderError {
  /** When there was none yet; undefined where there is none now. */
  readonly at: string | undefined;

  constructor(at?: Date) {
    const message = at && `There was no such order at ${at.toISOString()}.`;
    super('ORDER_NOT_FOUND', message ?? 'There is no such order. Create it first, or check the id.');
    this.at = at?.toISOString();
  }
}

export class OrderVersionNotFoundError extends OrderError {
  readonly version: number;
  readonly actualVersion: number;

  constructor(version: number, actualVersion: number) {
    super('ORDER_VERSION_NOT_FOUND', `The order is at version ${actualVersion}, there is no ${version} yet.`);
    this.version = version;
    this.actualVersion = actualVersion;
  }
}

export class OrderAlreadyExistsError extends OrderError {
  constructor() {
    super(
      'ORDER_ALREADY_EXISTS',
      'There is an order with this id already. Choose another id, or leave it out to get a new one.',
    );
  }
}

export class OrderAlreadyConfirmedError extends OrderError {
  constructor() {
    super(
      'ORDER_ALREADY_CONFIRMED',
      'The order is confirmed: it can be shipped or cancelled, its items stay as they are.',
    );
  }
}

export class OrderAlreadyShippedError extends OrderError {
  readonly trackingNumber: string;

  constructor(trackingNumber: string) {
    super(
      'ORDER_ALREADY_SHIPPED',
      `The order was shipped with tracking number "${trackingNumber}"; nothing about it can change any more.`,
    );
    this.trackingNumber = trackingNumber;
  }
}

export class OrderAlreadyCancelledError extends OrderError {
  readonly reason: string;

  constructor(reason: string) {
    super('ORDER_ALREADY_CANCELLED', `The order was cancelled, for this reason: ${reason}. Place a new order instead.`);
    this.reason = reason;
  }
}

export class OrderEmptyError extends OrderError {
  constructor() {
    super('ORDER_EMPTY', 'The order has no items. Add at least one before confirming it.');
  }
}

export class OrderNotConfirmedError extends OrderError {
  constructor() {
    super('ORDER_NOT_CONFIRMED', 'The order is not confirmed yet. Confirm it before shipping it.');
  }
}

export class InvalidItemError extends OrderError {
  readonly sku: string;
  readonly quantity: number;
  readonly price: number;

  constructor({ sku, quantity, price }: { readonly sku: string; readonly quantity: number; readonly price: number }) {
    super(
      'INVALID_ITEM',
      `Item "${sku}" needs a whole quantity from 1 and a price from 0 in whole cents, not ${quantity} at ${price}.`,
    );
    this.sku = sku;
    this.quantity = quantity;
    this.price = price;
  }
}
