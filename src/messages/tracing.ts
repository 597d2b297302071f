/**
 * Spans of publishing and of handling, through the OpenTelemetry API: in the tracer provider that the application has registered, none without one.
 *
 * The context travels in the message as W3C traceparent, so the handler's span has the publisher's as its parent, in whatever process it runs. Where no
 * provider is registered the publisher's context is handed on all the same, to what the handler publishes. Names are those of the semantic conventions for
 * messaging.
 */
import {
  type Attributes,
  type Context,
  context,
  INVALID_SPAN_CONTEXT,
  isSpanContextValid,
  ProxyTracerProvider,
  ROOT_CONTEXT,
  type Span,
  SpanKind,
  type SpanOptions,
  SpanStatusCode,
  trace,
} from '@opentelemetry/api';
import type { Message } from './message.ts';

const TRACEPARENT = /^[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(?:-|$)/;

const NO_SPAN = trace.wrapSpanContext(INVALID_SPAN_CONTEXT);

/** Asked for each time: a provider may be registered after this is loaded. */
const tracer = () => trace.getTracer('tidemark');

function hasProvider(): boolean {
  const provider = trace.getTracerProvider();
  return !(provider instanceof ProxyTracerProvider) || provider.getDelegateTracer('tidemark') !== undefined;
}

export interface PublishTrace {
  topic: string;
  orderingKey?: string | undefined;
  /** What this is published in consequence of, where no span is active. */
  traceparent?: string | undefined;
}

/** @param publish gets the traceparent to keep with the message, where there is one */
export function tracePublish<T extends { messageId: string; isDuplicate: boolean }>(
  { topic, orderingKey, traceparent }: PublishTrace,
  publish: (traceparent: string | undefined) => Promise<T>,
): Promise<T> {
  const active = context.active();
  const parent = trace.getSpanContext(active) ? active : contextOf(traceparent);
  const described = () => spanOf('publish', topic, orderingKey === undefined ? {} : { 'tidemark.ordering_key': orderingKey });
  return inSpan(described, parent, async (span) => {
    const value = await publish(traceparentOf(span));
    span.setAttributes({ 'messaging.message.id': value.messageId, 'tidemark.is_duplicate': value.isDuplicate });
    return value;
  });
}

/** With the trace of whoever published it. */
type TracedMessage = Pick<Message, 'topic' | 'messageId' | 'traceparent'>;

/** Its signal ends the span of a handler that does not heed it. */
interface TracedAttempt {
  readonly signal: AbortSignal;
}

/** The handler's span: active while it runs, and with its error where it throws. */
export function traceDelivery(
  { message, subscription, attempt }: { message: TracedMessage; subscription: string; attempt: number },
  running: TracedAttempt,
  handle: () => unknown,
): unknown {
  const described = () =>
    spanOf('process', message.topic, {
      'messaging.destination.subscription.name': subscription,
      'messaging.message.id': message.messageId,
      'tidemark.attempt': attempt,
    });
  return inSpan(described, contextOf(message.traceparent), handle, running);
}

/** One span for all of a batch, linked to the publisher of each message: a span has one parent. */
export function traceBatch<T>(
  { messages, subscription }: { messages: readonly TracedMessage[]; subscription: string },
  running: TracedAttempt,
  handle: () => Promise<T>,
): Promise<T> {
  const described = () => ({
    ...spanOf('process', messages[0]?.topic ?? '', {
      'messaging.destination.subscription.name': subscription,
      'messaging.batch.message_count': messages.length,
    }),
    links: messages.flatMap(({ traceparent }) => {
      const spanContext = trace.getSpanContext(contextOf(traceparent));
      return spanContext ? [{ context: spanContext }] : [];
    }),
  });
  return inSpan(described, ROOT_CONTEXT, handle, running);
}

interface DescribedSpan extends SpanOptions {
  name: string;
}

const OPERATIONS = {
  publish: { kind: SpanKind.PRODUCER, type: 'send' },
  process: { kind: SpanKind.CONSUMER, type: 'process' },
} as const;

/** @param own beside what all of them have */
function spanOf(operation: keyof typeof OPERATIONS, topic: string, own: Attributes): DescribedSpan {
  const { kind, type } = OPERATIONS[operation];
  return {
    name: `${operation} ${topic}`,
    kind,
    attributes: {
      'messaging.system': 'tidemark',
      'messaging.operation.name': operation,
      'messaging.operation.type': type,
      'messaging.destination.name': topic,
      ...own,
    },
  };
}

/** @param describe asked only where there is a span: that costs more than all else here */
function inSpan<ResultT>(
  describe: () => DescribedSpan,
  parent: Context,
  body: (span: Span) => ResultT,
  running?: TracedAttempt,
): ResultT | Promise<Awaited<ResultT>> {
  return parent === ROOT_CONTEXT && !hasProvider() ? body(NO_SPAN) : inNewSpan(describe(), parent, body, running);
}

async function inNewSpan<ResultT>(
  { name, ...options }: DescribedSpan,
  parent: Context,
  body: (span: Span) => ResultT,
  running: TracedAttempt | undefined,
): Promise<Awaited<ResultT>> {
  const span = tracer().startSpan(name, options, parent);
  if (!isSpanContextValid(span.spanContext())) {
    // No provider, and nothing to hand on.
    return await body(span);
  }
  const signal = running?.signal;
  const onAbort = () => {
    recordError(span, signal?.reason);
    span.end();
  };
  signal?.addEventListener('abort', onAbort, { once: true });
  try {
    return await context.with(trace.setSpan(parent, span), body, undefined, span);
  } catch (error) {
    if (span.isRecording()) {
      recordError(span, error);
    }
    throw error;
  } finally {
    signal?.removeEventListener('abort', onAbort);
    if (!signal?.aborted) {
      span.end();
    }
  }
}

function recordError(span: Span, error: unknown): void {
  const exception = error instanceof Error ? error : new Error(String(error));
  const { code } = exception as { code?: unknown };
  span.recordException(exception);
  span.setAttribute('error.type', typeof code === 'string' ? code : exception.name);
  span.setStatus({ code: SpanStatusCode.ERROR, message: exception.message });
}

function traceparentOf(span: Span): string | undefined {
  const spanContext = span.spanContext();
  return isSpanContextValid(spanContext)
    ? `00-${spanContext.traceId}-${spanContext.spanId}-${spanContext.traceFlags.toString(16).padStart(2, '0')}`
    : undefined;
}

function contextOf(traceparent: string | undefined): Context {
  if (traceparent === undefined) {
    return ROOT_CONTEXT;
  }
  const [, traceId = '', spanId = '', flags = '00'] = TRACEPARENT.exec(traceparent) ?? [];
  const spanContext = { traceId, spanId, traceFlags: Number.parseInt(flags, 16), isRemote: true };
  return isSpanContextValid(spanContext) ? trace.setSpanContext(ROOT_CONTEXT, spanContext) : ROOT_CONTEXT;
}
