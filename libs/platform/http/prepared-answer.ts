import type { FastifyReply } from 'fastify';

const NO_CONTENT = 204;
const JSON_TYPE = 'application/json; charset=utf-8';

/** An answer that is finished: status, headers and the exact bytes of its body, which is JSON when no type is given. */
export class PreparedAnswer {
  constructor(
    readonly status: number,
    readonly headers: Readonly<Record<string, string>>,
    readonly body: Buffer,
    readonly mediaType: string = JSON_TYPE,
  ) {}
}

/** Sends an answer as it is. */
export function sendPrepared(reply: FastifyReply, answer: PreparedAnswer): void {
  void reply.code(answer.status).headers(answer.headers);
  if (answer.status === NO_CONTENT) void reply.send();
  else void reply.header('content-type', answer.mediaType).send(answer.body);
}
