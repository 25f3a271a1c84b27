// What everybody has fits the hooks by shape, as it is.
import * as api from '@opentelemetry/api';
import pino from 'pino';
import { Counter, Histogram } from 'prom-client';
import { logging, metrics, recommendedPipeline, tracing } from '../../src/index.ts';
import type { Logger, MessageMeasurement, Tracer } from '../../src/index.ts';
import { createMemoryStore } from '../../src/memory/index.ts';
import { traceWith } from '../../src/otel/index.ts';
import { expectType } from './expect-type.ts';

const logger = pino({ enabled: false });
const tracer = api.trace.getTracer('orders');
logging(logger);
logging(logger.child({ module: 'orders' }));
tracing(tracer);
createMemoryStore({ tracer: traceWith({ tracer, api }) });
expectType<typeof logger extends Logger ? true : false>()<true>();
expectType<typeof tracer extends Tracer ? true : false>()<true>();

const total = new Counter({
  name: 'mink_commands_total',
  help: 'Commands by how they ended.',
  labelNames: ['type', 'status'],
});
const duration = new Histogram({
  name: 'mink_command_duration_seconds',
  help: 'Whole commands.',
  labelNames: ['type'],
});
const handler = new Histogram({ name: 'mink_handler_duration_seconds', help: 'Their handlers.', labelNames: ['type'] });

function record({ type, status, seconds, handlerSeconds }: MessageMeasurement): void {
  total.inc({ type, status });
  duration.observe({ type }, seconds);
  if (handlerSeconds !== undefined) handler.observe({ type }, handlerSeconds);
}
metrics(record);
recommendedPipeline({ logger, tracer, metrics: record });
recommendedPipeline({ tracer: traceWith({ tracer, api }) });
