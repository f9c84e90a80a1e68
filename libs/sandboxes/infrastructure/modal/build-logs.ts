import type { ClientMiddleware } from 'nice-grpc';

const BUILD_STREAM = '/ImageJoinStreaming';
const KEPT_CHARACTERS = 4_096;
const KEPT_BUILDS = 64;

interface BuildProgress {
  readonly taskLogs?: readonly { readonly data: string }[];
}

/** The ends of the logs of image builds, which the SDK reads and drops. */
export class BuildLogs {
  private readonly tails = new Map<string, string>();

  tailOf(imageId: string): string {
    return this.tails.get(imageId) ?? '';
  }

  /** Listens to the SDK's calls and changes nothing. */
  middleware(): ClientMiddleware {
    const hear = (request: unknown, answer: unknown): void => this.hear(request, answer);
    return async function* (call, options) {
      if (!call.responseStream) return yield* call.next(call.request, options);
      for await (const answer of call.next(call.request, options)) {
        if (call.method.path.endsWith(BUILD_STREAM)) hear(call.request, answer);
        yield answer;
      }
    };
  }

  private hear(request: unknown, answer: unknown): void {
    const { imageId } = request as { readonly imageId: string };
    const text = ((answer as BuildProgress).taskLogs ?? []).map(({ data }) => data).join('');
    if (text === '') return;
    this.tails.set(imageId, (this.tailOf(imageId) + text).slice(-KEPT_CHARACTERS));
    const [oldest] = this.tails.keys();
    if (this.tails.size > KEPT_BUILDS && oldest !== undefined) this.tails.delete(oldest);
  }
}
