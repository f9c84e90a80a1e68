import { connect } from 'node:net';

/** An answer as it came over the socket. */
export interface RawAnswer {
  readonly status: number;
  /** Names in lower case; of a repeated header the last one. */
  readonly headers: ReadonlyMap<string, string>;
  readonly text: string;
}

const TIMEOUT_MS = 15_000;

/** Sends exactly these bytes, which no HTTP client would agree to send, and reads answers until the server closes. */
export function sendBytes(baseUrl: string, bytes: string | Buffer): Promise<Buffer> {
  const { hostname, port } = new URL(baseUrl);
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    const socket = connect(Number(port), hostname, () => socket.write(bytes));
    socket.setTimeout(TIMEOUT_MS, () => socket.destroy(new Error(`no end of the answer within ${TIMEOUT_MS} ms`)));
    socket.on('data', (chunk: Buffer) => chunks.push(chunk));
    socket.on('close', () => resolve(Buffer.concat(chunks)));
    socket.on('error', (error: NodeJS.ErrnoException) => {
      // A server that refuses a body half-way may reset the connection after its answer.
      if (error.code !== 'ECONNRESET' && error.code !== 'EPIPE') reject(error);
    });
  });
}

/** The answers in what a server wrote on one connection, one after the other. */
export function parseAnswers(bytes: Buffer): RawAnswer[] {
  const answers: RawAnswer[] = [];
  let rest = bytes;
  while (rest.length > 0) {
    const end = rest.indexOf('\r\n\r\n');
    if (end < 0) throw new Error(`not an HTTP answer: ${rest.toString('latin1').slice(0, 200)}`);
    const [statusLine = '', ...lines] = rest.subarray(0, end).toString('latin1').split('\r\n');
    const headers = new Map(lines.map((line) => [line.split(':')[0]!.toLowerCase(), line.slice(line.indexOf(':') + 1).trim()]));
    const length = Number(headers.get('content-length') ?? 0);
    const body = rest.subarray(end + 4, end + 4 + length);
    answers.push({ status: Number(statusLine.split(' ')[1]), headers, text: body.toString('utf8') });
    rest = rest.subarray(end + 4 + length);
  }
  return answers;
}

export interface RawRequest {
  readonly method?: string;
  /** The request target exactly as written on the wire. */
  readonly target: string;
  /** Header lines as written, in order; `Host` and `Connection: close` are added unless `bare`. */
  readonly lines?: readonly string[];
  readonly body?: string | Buffer;
  readonly httpVersion?: '1.0' | '1.1';
  /** Adds no header at all, not even Content-Length. */
  readonly bare?: boolean;
}

export function rawRequest(baseUrl: string, request: RawRequest): Buffer {
  const body = Buffer.from(request.body ?? '');
  const own = request.lines ?? [];
  const names = new Set(own.map((line) => line.split(':')[0]!.toLowerCase()));
  const added = [`Host: ${new URL(baseUrl).host}`, 'Connection: close'];
  if (body.length > 0 && !names.has('transfer-encoding')) added.push(`Content-Length: ${body.length}`);
  const lines = request.bare === true ? own : [...own, ...added.filter((line) => !names.has(line.split(':')[0]!.toLowerCase()))];
  const head = [`${request.method ?? 'POST'} ${request.target} HTTP/${request.httpVersion ?? '1.1'}`, ...lines];
  return Buffer.concat([Buffer.from(`${head.join('\r\n')}\r\n\r\n`, 'latin1'), body]);
}

/** Sends one request as written and gives its answer. */
export async function sendRaw(baseUrl: string, request: RawRequest): Promise<RawAnswer> {
  const [answer, ...more] = parseAnswers(await sendBytes(baseUrl, rawRequest(baseUrl, request)));
  if (answer === undefined) throw new Error('the server closed the connection without an answer');
  if (more.length > 0) throw new Error(`one request got ${more.length + 1} answers`);
  return answer;
}
