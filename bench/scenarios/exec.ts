import { contest, type Contender, type Measurement } from '../contest';
import { inTurn } from '../in-turn';
import type { SandboxProvider } from '@tollbox/sandboxes/application/ports/provider';
import type { BlockPlan } from '../options';
import type { BoughtSandbox, World } from '../world';

export interface Command {
  readonly name: string;
  readonly argv: readonly string[];
  readonly stdout: string;
}

export const COMMANDS: readonly Command[] = [
  { name: 'exec true', argv: ['true'], stdout: '' },
  { name: 'exec python', argv: ['python', '-c', 'print(1)'], stdout: '1\n' },
];

const TIMEOUT_S = 20;

function check(command: Command, returncode: number, stdout: string): void {
  if (returncode !== 0 || stdout !== command.stdout)
    throw new Error(`${command.name} ended with ${returncode} and printed ${JSON.stringify(stdout)}`);
}

async function readAll(stream: AsyncIterable<Uint8Array>): Promise<string> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  return Buffer.concat(chunks).toString('utf8');
}

async function providerExec(provider: SandboxProvider, containerId: string, command: Command): Promise<void> {
  const signal = AbortSignal.timeout(TIMEOUT_S * 2_000);
  const process = await provider.exec({ providerRef: containerId }, command.argv, { timeoutMs: TIMEOUT_S * 1_000 }, signal);
  const [stdout, , exit] = await Promise.all([readAll(process.stdout), readAll(process.stderr), process.exit]);
  check(command, exit.returncode, stdout);
}

/** A paid exec, signed now. */
export async function signedExec(world: World, sandbox: BoughtSandbox, command: Command): Promise<() => Promise<void>> {
  const body = { sandbox_id: sandbox.sandboxId, command: command.argv, timeout: TIMEOUT_S };
  const request = await world.buyers.sign(sandbox.owner, 'exec', body);
  return async () => {
    const answer = await world.buyers.pay(request);
    const { returncode, stdout } = JSON.parse(answer.body.toString('utf8')) as { returncode: number; stdout: string };
    check(command, returncode, stdout);
  };
}

/** The same command in the same containers, three ways. Every contender goes through the sandboxes in turn. */
function contenders(world: World, command: Command): Contender[] {
  const around = (name: 'raw engine' | 'provider', run: (containerId: string) => Promise<void>): Contender => {
    const next = inTurn(world.sandboxes);
    return {
      name,
      prepare: (count) =>
        Array.from({ length: count }, () => {
          const { containerId } = next();
          return () => run(containerId);
        }),
    };
  };
  const next = inTurn(world.sandboxes);
  return [
    around('raw engine', async (containerId) => {
      const { returncode, stdout } = await world.raw.exec(containerId, command.argv);
      check(command, returncode, stdout);
    }),
    around('provider', (containerId) => providerExec(world.provider, containerId, command)),
    {
      name: 'paid call',
      prepare: (count) => Promise.all(Array.from({ length: count }, () => signedExec(world, next(), command))),
    },
  ];
}

export async function measureExec(world: World, command: Command, plans: readonly BlockPlan[]): Promise<Measurement[]> {
  const measurements: Measurement[] = [];
  for (const plan of plans) measurements.push(...(await contest(command.name, contenders(world, command), plan, world)));
  return measurements;
}
