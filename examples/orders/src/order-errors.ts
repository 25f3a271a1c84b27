/** The codes never change: clients branch on them. */
export type OrderErrorCode =
  | 'INVALID_ITEM'
  | 'ORDER_ALREADY_CANCELLED'
  | 'ORDER_ALREADY_CONFIRMED'
  | 'ORDER_ALREADY_EXISTS'
  | 'ORDER_ALREADY_SHIPPED'
  | 'ORDER_EMPTY'
  | 'ORDER_NOT_CONFIRMED'
  | 'ORDER_NOT_FOUND';

/** A rule of the order domain that a command would break. */
export abstract class OrderError extends Error {
  abstract readonly code: OrderErrorCode;

  constructor(message: string) {
    super(message);
    this.name = new.target.name;
  }
}

export class OrderNotFoundError extends OrderError {
  readonly code = 'ORDER_NOT_FOUND';

  constructor() {
    super('There is no such order. Create it first, or check the id.');
  }
}

export class OrderAlreadyExistsError extends OrderError {
  readonly code = 'ORDER_ALREADY_EXISTS';

  constructor() {
    super('There is an order with this id already. Choose another id, or leave it out to get a new one.');
  }
}

export class OrderAlreadyConfirmedError extends OrderError {
  readonly code = 'ORDER_ALREADY_CONFIRMED';

  constructor() {
    super('The order is confirmed: it can be shipped or cancelled, its items stay as they are.');
  }
}

export class OrderAlreadyShippedError extends OrderError {
  readonly code = 'ORDER_ALREADY_SHIPPED';
  readonly trackingNumber: string;

  constructor(trackingNumber: string) {
    super(`The order was shipped with tracking number "${trackingNumber}"; nothing about it can change any more.`);
    this.trackingNumber = trackingNumber;
  }
}

export class OrderAlreadyCancelledError extends OrderError {
  readonly code = 'ORDER_ALREADY_CANCELLED';
  readonly reason: string;

  constructor(reason: string) {
    super(`The order was cancelled, for this reason: ${reason}. Place a new order instead.`);
    this.reason = reason;
  }
}

export class OrderEmptyError extends OrderError {
  readonly code = 'ORDER_EMPTY';

  constructor() {
    super('The order has no items. Add at least one before confirming it.');
  }
}

export class OrderNotConfirmedError extends OrderError {
  readonly code = 'ORDER_NOT_CONFIRMED';

  constructor() {
    super('The order is not confirmed yet. Confirm it before shipping it.');
  }
}

export class InvalidItemError extends OrderError {
  readonly code = 'INVALID_ITEM';
  readonly sku: string;
  readonly quantity: number;
  readonly price: number;

  constructor({ sku, quantity, price }: { readonly sku: string; readonly quantity: number; readonly price: number }) {
    super(
      `Item "${sku}" needs a whole quantity from 1 and a price from 0 in whole cents, not ${quantity} at ${price}.`,
    );
    this.sku = sku;
    this.quantity = quantity;
    this.price = price;
  }
}
