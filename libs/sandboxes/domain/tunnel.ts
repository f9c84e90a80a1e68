import { z } from 'zod';
import { isoMicros } from './answers';

/** A tunnel as its row says: one port of one sandbox, for whoever has the token. */
export interface Tunnel {
  readonly id: string;
  /** Lower-case address of the wallet that paid for it. */
  readonly owner: string;
  readonly sandboxId: string;
  readonly operationId: string;
  readonly containerPort: number;
  /** Lower-case hex; null exactly when it is public. */
  readonly tokenSha256: string | null;
  readonly createdAt: Date;
}

const ID = 'tn[0-9a-f]{32}';
const ID_ONLY = new RegExp(`^${ID}$`);
const ID_BYTES = 16;

/** Fits into a label of a host name, which knows no upper case. */
export const newTunnelId = (randomBytes: (length: number) => Uint8Array): string =>
  `tn${Buffer.from(randomBytes(ID_BYTES)).toString('hex')}`;
export const isTunnelId = (text: string): boolean => ID_ONLY.test(text);

const MAX_PORT = 65_535;

export const tunnelBodySchema = z
  .object({
    sandbox_id: z.string().min(1).max(128).describe('The sandbox whose port is reached.'),
    port: z.number().int().min(1).max(MAX_PORT).describe('One of the `ports` that the create named.'),
    token_sha256: z
      .string()
      .regex(/^[0-9a-f]{64}$/, 'SHA-256 of the token, as 64 lower-case hex digits')
      .optional()
      .describe('SHA-256 of a token that you made (at least 128 random bits). Whoever has the token reaches the port.'),
    public: z.boolean().default(false).describe('true lets everybody who knows the URL reach the port; then there is no token.'),
  })
  .refine((body) => body.public === (body.token_sha256 === undefined), {
    error: 'Send the token_sha256 of a token of yours, or public: true, and not both',
    path: ['token_sha256'],
  });
export type TunnelBody = z.output<typeof tunnelBodySchema>;

const place = {
  host: z.string().describe('Host name of the tunnel.'),
  port: z.number().int().describe('Port of the tunnel, on its host.'),
  url: z.string().describe('Where the tunnel answers; HTTP and WebSocket.'),
};
const about = {
  tunnel_id: z.string(),
  container_port: z.number().int().describe('Port inside the sandbox.'),
  public: z.boolean().describe('false: a token is needed.'),
  created_at: z.string().describe('ISO 8601, UTC.'),
};

export const tunnelAnswerSchema = z.object({ sandbox_id: z.string(), ...about, ...place });
export type TunnelAnswer = z.output<typeof tunnelAnswerSchema>;

export const tunnelsAnswerSchema = z
  .record(z.string(), z.object({ ...about, ...place }))
  .describe('The newest tunnel of each port, by port inside the sandbox.');
export type TunnelsAnswer = z.output<typeof tunnelsAnswerSchema>;

/** Where tunnels answer: a URL with `{tunnel_id}` in its host, and `{port}` if the operator likes. */
export class TunnelAddresses {
  private readonly hostPattern: RegExp;

  constructor(private readonly pattern: string) {
    const sample = pattern.replace('{tunnel_id}', 'tunnelid').replace('{port}', 'portnumber');
    const [before = '', after = ''] = new URL(sample).hostname
      .replace(/[.-]/g, '\\$&')
      .replace('portnumber', '[0-9]{1,5}')
      .split('tunnelid');
    this.hostPattern = new RegExp(`^${before}(${ID})${after}$`);
  }

  /** The tunnel that a Host header names, or null. */
  idIn(host: string): string | null {
    return this.hostPattern.exec(host.toLowerCase().replace(/\.?(:[0-9]+)?$/, ''))?.[1] ?? null;
  }

  placeOf({ id, containerPort }: Tunnel): { host: string; port: number; url: string } {
    const url = new URL(TunnelAddresses.filled(this.pattern, id, containerPort));
    const port = url.port === '' ? (url.protocol === 'https:' ? 443 : 80) : Number(url.port);
    return { host: url.hostname, port, url: url.href };
  }

  private static filled(pattern: string, id: string, port: number): string {
    return pattern.replace('{tunnel_id}', id).replace('{port}', String(port));
  }
}

/** The answers depend on the row and the configuration alone, so that a recovered operation answers the same bytes. */
export function tunnelEntry(tunnel: Tunnel, addresses: TunnelAddresses): TunnelsAnswer[string] {
  return {
    tunnel_id: tunnel.id,
    container_port: tunnel.containerPort,
    public: tunnel.tokenSha256 === null,
    created_at: isoMicros(tunnel.createdAt),
    ...addresses.placeOf(tunnel),
  };
}

export const tunnelAnswer = (tunnel: Tunnel, addresses: TunnelAddresses): TunnelAnswer => ({
  sandbox_id: tunnel.sandboxId,
  ...tunnelEntry(tunnel, addresses),
});
