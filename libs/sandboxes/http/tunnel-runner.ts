import { Inject, Injectable, Logger, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import { CONFIG, type Config } from '@tollbox/platform/config/config';
import { PassTunnel } from '../application/tunnels/pass-tunnel';
import { tunnelSettings } from '../application/tunnels/tunnel-settings';
import { TunnelListener } from './tunnel-listener';

const log = new Logger('Tunnels');

/** Runs the tunnels' listener for the life of the gateway, where the operator has given tunnels a place. */
@Injectable()
export class TunnelRunner implements OnApplicationBootstrap, OnApplicationShutdown {
  private readonly listener: TunnelListener | null;

  constructor(@Inject(CONFIG) config: Config, pass: PassTunnel) {
    const { addresses, ...limits } = tunnelSettings(config);
    const settings = {
      ...limits,
      bind: config.TUNNEL_BIND,
      port: config.TUNNEL_PORT,
      maxConnections: config.TUNNEL_MAX_CONNECTIONS_TOTAL,
      onProblem: (error: unknown) => log.warn({ msg: 'a tunnel could not be served', err: error }),
    };
    this.listener = addresses === null ? null : new TunnelListener(pass, addresses, settings);
  }

  async onApplicationBootstrap(): Promise<void> {
    if (this.listener === null) return;
    const { address, port } = await this.listener.start();
    log.log(`tunnels answer on ${address}, port ${port}`);
  }

  async onApplicationShutdown(): Promise<void> {
    await this.listener?.stop();
  }
}
