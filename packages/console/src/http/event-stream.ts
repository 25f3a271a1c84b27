/** A stream of server-sent events to one reader. */
export interface EventStream {
  /** Sends an event as soon as the reader takes it. */
  send(name: string, data: unknown): void;
  /** Whether the reader has taken all there was: what is sent now goes out at once. */
  readonly isDrained: boolean;
  close(): void;
}

/** How a stream is kept. */
export interface EventStreamOptions {
  /** Milliseconds between signs of life. */
  readonly heartbeat: number;
  /** Asked with each sign of life: whoever may not read any more gets no more. */
  readonly mayGoOn: () => boolean | Promise<boolean>;
  /** Ends the stream: the console closes. */
  readonly signal: AbortSignal;
  /** Begins to send. What it gives back is called when the stream has ended, for whatever reason. */
  readonly begin: (stream: EventStream) => () => void;
}

const encoder = new TextEncoder();
/** Messages that wait for a slow reader. Whoever sends more has to look at `isDrained`. */
const MOST_WAITING = 64;

/** The answer of an endpoint that goes on. A reader that takes nothing holds a bounded number of messages, and is cut off then. */
export function eventStream(options: EventStreamOptions): Response {
  const body = new ReadableStream<Uint8Array>(new Source(options), { highWaterMark: 2 });
  const type = 'text/event-stream; charset=utf-8';
  return new Response(body, {
    headers: { 'content-type': type, 'cache-control': 'no-store', 'x-accel-buffering': 'no' },
  });
}

class Source implements EventStream {
  readonly #options: EventStreamOptions;
  readonly #close = (): void => this.close();
  #controller: ReadableStreamDefaultController<Uint8Array> | undefined;
  #timer: NodeJS.Timeout | undefined;
  #stop: (() => void) | undefined;
  #isAsking = false;

  constructor(options: EventStreamOptions) {
    this.#options = options;
  }

  start(controller: ReadableStreamDefaultController<Uint8Array>): void {
    const { heartbeat, signal, begin } = this.#options;
    this.#controller = controller;
    this.#write(': mink\n\n');
    this.#timer = setInterval(() => void this.#beat().catch(this.#close), heartbeat);
    this.#timer.unref();
    this.#stop = begin(this);
    signal.addEventListener('abort', this.#close, { once: true });
    if (signal.aborted) this.close();
  }

  cancel(): void {
    this.#controller = undefined;
    this.#end();
  }

  send(name: string, data: unknown): void {
    this.#write(`event: ${name}\ndata: ${JSON.stringify(data)}\n\n`);
  }

  get isDrained(): boolean {
    return (this.#controller?.desiredSize ?? 0) > 0;
  }

  close(): void {
    this.#controller?.close();
    this.#controller = undefined;
    this.#end();
  }

  #end(): void {
    clearInterval(this.#timer);
    this.#options.signal.removeEventListener('abort', this.#close);
    this.#stop?.();
    this.#stop = undefined;
  }

  #write(text: string): void {
    if ((this.#controller?.desiredSize ?? 0) <= -MOST_WAITING) this.close();
    this.#controller?.enqueue(encoder.encode(text));
  }

  async #beat(): Promise<void> {
    // Nobody has said since the last one: whoever may perhaps not go on, may not.
    if (this.#isAsking) return this.close();
    this.#isAsking = true;
    const mayGoOn = await this.#options.mayGoOn();
    this.#isAsking = false;
    if (mayGoOn) this.#write(': here\n\n');
    else this.close();
  }
}
