import type { FastifyReply } from 'fastify';

const JSON_TYPE = 'application/json; charset=utf-8';

/** An answer that is finished: status, headers and the exact bytes of its JSON body. */
export class PreparedAnswer {
  constructor(
    readonly status: number,
    readonly headers: Readonly<Record<string, string>>,
    readonly body: Buffer,
  ) {}
}

/** Sends an answer as it is. */
export function sendPrepared(reply: FastifyReply, answer: PreparedAnswer): void {
  void reply.code(answer.status).headers(answer.headers).header('content-type', JSON_TYPE).send(answer.body);
}
