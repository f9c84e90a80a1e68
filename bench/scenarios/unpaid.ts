import autocannon from 'autocannon';
import { contest, type Contender, type Measurement } from '../contest';
import type { World } from '../world';

const PATH = '/api/v1/modal/sandbox/create';
const BODY = Buffer.from('{}', 'utf8');

/** The price of a create, asked without paying: one caller with our own client, then many connections with autocannon. */
export async function measureUnpaid(world: World): Promise<Measurement[]> {
  const ask = async () => {
    const answer = await world.http.post(PATH, BODY);
    if (answer.status !== 402) throw new Error(`an unpaid create was answered with ${answer.status}`);
  };
  const unpaid: Contender = { name: 'unpaid call', prepare: (count) => Array.from({ length: count }, () => ask) };
  const latency = await contest('402 on create', [unpaid], world.plan.unpaidLatency, world);
  return [...latency, await throughput(world)];
}

async function throughput(world: World): Promise<Measurement> {
  const { unpaidConnections: connections, unpaidSeconds: duration } = world.plan;
  const before = world.cpu.read();
  const result = await autocannon({
    url: new URL(PATH, world.stack.gatewayUrl).href,
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: BODY,
    connections,
    duration,
  });
  const after = world.cpu.read();
  const answers = Object.entries(result.statusCodeStats ?? {}) as [string, { count: number }][];
  if (result.errors + result.timeouts > 0 || answers.some(([status]) => status !== '402'))
    throw new Error(`unpaid creates: ${result.errors} errors, ${result.timeouts} timeouts, ${JSON.stringify(answers)}`);
  const calls = result.requests.total;
  return {
    work: '402 on create',
    contender: 'unpaid call',
    concurrency: connections,
    calls,
    perSecond: calls / result.duration,
    p50Ms: result.latency.p50,
    p99Ms: result.latency.p99,
    cpuMsPerCall: Object.fromEntries(Object.entries(after).map(([name, ms]) => [name, (ms - (before[name] ?? 0)) / calls])),
  };
}
