import { Logger, Module, type DynamicModule, type OnApplicationShutdown, type Provider } from '@nestjs/common';
import { HttpAdapterHost, ModulesContainer } from '@nestjs/core';
import type { Pool } from 'pg';
import { CREDIT_TOKENS } from '@tollbox/platform/access/owner-access';
import { WALLET_SIGNATURES } from '@tollbox/platform/access/sign-in/sign-in';
import { Journal } from '@tollbox/ledger/infrastructure/journal';
import { AuditLog } from '@tollbox/platform/audit/audit-log';
import { CONFIG, refuseDevKeysOnRealChain, type Config } from '@tollbox/platform/config/config';
import { PG_POOL } from '@tollbox/platform/database/pg-pool';
import { PHASE_OBSERVER, type PhaseObserver } from '@tollbox/platform/faults/phase-boundaries';
import { OperationRegistry } from '@tollbox/platform/operations/operation';
import { PRICE_BOOK } from '@tollbox/platform/operations/price-book';
import { AwaitOutcome } from './application/await-outcome';
import { ClaimPayment } from './application/claim-payment';
import { configuredPrices } from './application/configured-prices';
import { ConcludeClaim } from './application/conclude-claim';
import { ExecuteClaim } from './application/execute-claim';
import { PayForOperation } from './application/pay-for-operation';
import { SETTLEMENT_CONTROL } from './application/ports/settlement-control';
import { PRICE_LIST_STORE } from './application/ports/price-list-store';
import { PayFromCredits } from './application/pay-from-credits';
import { PriceList } from './application/price-list';
import { RecoverClaim } from './application/recover-claim';
import { ShowOwnPayment } from './application/show-own-payment';
import { VerifyPayment } from './application/verify-payment';
import { networkOf } from './domain/networks';
import { OwnPaymentsController } from './http/own-payments.controller';
import { PricedCalls } from './http/priced-calls';
import { PricedLane } from './http/priced-lane';
import { SettlementController } from './http/settlement.controller';
import { PriceListsController } from './http/price-lists.controller';
import { assertChain } from './infrastructure/assert-chain';
import { instanceName } from './infrastructure/instance-name';
import { PostgresCreditClaims } from './infrastructure/credit-claims';
import { PostgresOwnPayments } from './infrastructure/own-payments';
import { HttpFacilitator } from './infrastructure/http-facilitator';
import { FacilitatorRepository } from './infrastructure/facilitator.repository';
import { JsonRpc } from '@tollbox/platform/chain/json-rpc';
import { PostgresPaymentSignals } from './infrastructure/payment-signals';
import { payerCodeGasLimits, PostgresPayerCodeGas } from './infrastructure/postgres-payer-code-gas';
import { PriceListRepository } from './infrastructure/price-list.repository';
import { PaymentsRepository } from './infrastructure/payments.repository';
import { PostgresSettlementControl } from './infrastructure/settlement-control';
import { SettlementRepository } from './infrastructure/settlement.repository';
import { loadSignatureRecovery } from './infrastructure/signature-recovery';
import { ViemChain } from './infrastructure/viem-chain';
import { ChainWalletSignatures } from './infrastructure/wallet-signatures';
import { RpcSettlementWallet, settlementGas } from './infrastructure/rpc-settlement-wallet';
import { settlementWalletAddress } from './infrastructure/settlement-address';
import type { RemoteSettlement } from './remote-rail';
import { SettlementRunner } from './settlement-runner';

const logger = new Logger('Payments');
const onProblem = (error: unknown, what: string): void => logger.warn({ msg: `${what} failed`, err: error });

class PaymentSignalsLifecycle implements OnApplicationShutdown {
  constructor(private readonly signals: PostgresPaymentSignals) {}
  onApplicationShutdown(): Promise<void> {
    return this.signals.close();
  }
}

function coreProviders(role: string): Provider[] {
  const leaseHolder = instanceName(role);
  return [
    {
      provide: PaymentsRepository,
      inject: [PG_POOL, CONFIG],
      useFactory: (pool: Pool, config: Config) => new PaymentsRepository(pool, new Journal(networkOf(config).caip2)),
    },
    {
      provide: ViemChain,
      inject: [CONFIG],
      useFactory: async (config: Config) => {
        const chain = new ViemChain({
          network: networkOf(config),
          rpcUrl: config.RPC_URL,
          timeoutMs: config.RPC_TIMEOUT_MS,
          eip1271GasCap: BigInt(config.EIP1271_GAS_CAP),
          nowMs: () => Date.now(),
        });
        const { isDevChain } = await assertChain(chain, networkOf(config));
        refuseDevKeysOnRealChain(config, isDevChain);
        return chain;
      },
    },
    {
      provide: PostgresPaymentSignals,
      inject: [CONFIG],
      useFactory: async (config: Config) => {
        const signals = new PostgresPaymentSignals(config.DATABASE_URL, (error) =>
          onProblem(error, 'listening for payment changes'),
        );
        await signals.start();
        return signals;
      },
    },
    {
      provide: PaymentSignalsLifecycle,
      inject: [PostgresPaymentSignals],
      useFactory: (signals: PostgresPaymentSignals) => new PaymentSignalsLifecycle(signals),
    },
    {
      provide: PostgresPayerCodeGas,
      inject: [PG_POOL, CONFIG],
      useFactory: (pool: Pool, config: Config) =>
        new PostgresPayerCodeGas(pool, networkOf(config).caip2, payerCodeGasLimits(config)),
    },
    {
      provide: ConcludeClaim,
      inject: [PaymentsRepository, CONFIG],
      useFactory: (store: PaymentsRepository, config: Config) => new ConcludeClaim(store, config.ANSWER_RETENTION_MS),
    },
    {
      provide: RecoverClaim,
      inject: [PaymentsRepository, ConcludeClaim, OperationRegistry],
      useFactory: (store: PaymentsRepository, conclude: ConcludeClaim, operations: OperationRegistry) =>
        new RecoverClaim(store, conclude, operations, leaseHolder),
    },
  ];
}

function priceProviders(by: string): Provider[] {
  return [
    { provide: PriceListRepository, inject: [PG_POOL], useFactory: (pool: Pool) => new PriceListRepository(pool) },
    { provide: PRICE_LIST_STORE, useExisting: PriceListRepository },
    {
      provide: PriceList,
      inject: [CONFIG, PriceListRepository],
      useFactory: async (config: Config, store: PriceListRepository) => {
        const content = configuredPrices(config);
        const version = await store.register(content, by);
        logger.log(`prices are those of price list ${version}`);
        const options = { network: networkOf(config), payTo: config.PAY_TO, graceS: config.PRICE_GRACE_S };
        return new PriceList({ version, content }, store, options);
      },
    },
    { provide: PRICE_BOOK, useExisting: PriceList },
  ];
}

const settlementControl: Provider = {
  provide: SETTLEMENT_CONTROL,
  inject: [CONFIG, PG_POOL, AuditLog],
  useFactory: (config: Config, pool: Pool, audit: AuditLog) => new PostgresSettlementControl(pool, networkOf(config), audit),
};

/** What answers the priced routes. */
function laneProviders(): Provider[] {
  return [
    {
      provide: PricedCalls,
      inject: [CONFIG, PriceList, PayForOperation, PayFromCredits, { token: CREDIT_TOKENS, optional: true }],
      useFactory: (...parts: ConstructorParameters<typeof PricedCalls>) => new PricedCalls(...parts),
    },
    {
      provide: PricedLane,
      inject: [HttpAdapterHost, ModulesContainer, OperationRegistry, PricedCalls, CONFIG],
      useFactory: (
        host: HttpAdapterHost,
        modules: ModulesContainer,
        operations: OperationRegistry,
        calls: PricedCalls,
        config: Config,
      ) => new PricedLane(host, modules, operations, calls, config.BODY_LIMIT_BYTES),
    },
  ];
}

function gatewayProviders(): Provider[] {
  const leaseHolder = instanceName('gateway');
  return [
    settlementControl,
    ...priceProviders(leaseHolder),
    ...laneProviders(),
    {
      provide: ExecuteClaim,
      inject: [PaymentsRepository, ConcludeClaim, PHASE_OBSERVER, CONFIG],
      useFactory: (store: PaymentsRepository, conclude: ConcludeClaim, phases: PhaseObserver, config: Config) =>
        new ExecuteClaim(store, conclude, phases, { leaseHolder, leaseMs: config.CLAIM_LEASE_MS, onProblem }),
    },
    {
      provide: AwaitOutcome,
      inject: [PaymentsRepository, PostgresPaymentSignals, RecoverClaim, CONFIG],
      useFactory: (store: PaymentsRepository, signals: PostgresPaymentSignals, recover: RecoverClaim, config: Config) =>
        new AwaitOutcome(store, signals, recover, config.SETTLEMENT_CONFIRM_WAIT_MS),
    },
    {
      provide: PayForOperation,
      inject: [CONFIG, PaymentsRepository, ViemChain, PostgresPayerCodeGas, ExecuteClaim, AwaitOutcome],
      useFactory: async (
        config: Config,
        store: PaymentsRepository,
        chain: ViemChain,
        payerCodeGas: PostgresPayerCodeGas,
        executor: ExecuteClaim,
        outcomes: AwaitOutcome,
      ) => {
        const recovery = await loadSignatureRecovery();
        logger.log(`signatures are checked with ${recovery.implementation}`);
        const limits = {
          leaseHolder,
          leaseMs: config.CLAIM_LEASE_MS,
          maxInFlightPerPayer: config.MAX_IN_FLIGHT_PAYMENTS_PER_PAYER,
          maxRefusedPerPayerPerHour: config.MAX_REFUSED_PAYMENTS_PER_PAYER_PER_HOUR,
          optimisticCapPerPayerAtomic: config.OPTIMISTIC_CAP_PER_PAYER_ATOMIC,
          optimisticCapTotalAtomic: config.OPTIMISTIC_CAP_TOTAL_ATOMIC,
        };
        return new PayForOperation(
          store,
          new VerifyPayment(networkOf(config), chain, recovery),
          new ClaimPayment(store, chain, payerCodeGas, limits),
          executor,
          outcomes,
          { houseWallets: settlementWalletAddress(config), answersEarly: config.SETTLEMENT_MODE === 'auto' },
        );
      },
    },
    {
      provide: PayFromCredits,
      inject: [CONFIG, PG_POOL, PaymentsRepository, ExecuteClaim, AwaitOutcome],
      useFactory: (config: Config, pool: Pool, store: PaymentsRepository, executor: ExecuteClaim, outcomes: AwaitOutcome) => {
        const claims = new PostgresCreditClaims(pool, new Journal(networkOf(config).caip2));
        return new PayFromCredits(store, claims, executor, outcomes, { leaseHolder, leaseMs: config.CLAIM_LEASE_MS });
      },
    },
  ];
}

/** What the free routes of owners need. */
function ownerProviders(): Provider[] {
  return [
    {
      provide: WALLET_SIGNATURES,
      inject: [ViemChain],
      useFactory: async (chain: ViemChain) => new ChainWalletSignatures(chain, await loadSignatureRecovery()),
    },
    { provide: ShowOwnPayment, inject: [PG_POOL], useFactory: (pool: Pool) => new ShowOwnPayment(new PostgresOwnPayments(pool)) },
  ];
}

function workerProviders(): Provider[] {
  return [
    {
      provide: SettlementRunner,
      inject: [
        CONFIG,
        PG_POOL,
        PaymentsRepository,
        ViemChain,
        PostgresPayerCodeGas,
        PostgresPaymentSignals,
        RecoverClaim,
        OperationRegistry,
        PHASE_OBSERVER,
      ],
      useFactory: async (
        config: Config,
        pool: Pool,
        payments: PaymentsRepository,
        chain: ViemChain,
        payerCodeGas: PostgresPayerCodeGas,
        signals: PostgresPaymentSignals,
        recover: RecoverClaim,
        operations: OperationRegistry,
        phases: PhaseObserver,
      ) => {
        const network = networkOf(config);
        const remote = await remoteSettlement(config, pool);
        if (remote === null && config.SETTLEMENT_PRIVATE_KEY === undefined)
          throw new Error('SETTLEMENT_PRIVATE_KEY is needed by the worker, or FACILITATOR_URL');
        const rpc = new JsonRpc(config.RPC_URL, config.RPC_TIMEOUT_MS);
        return new SettlementRunner({
          config,
          payments,
          store: new SettlementRepository(pool, network.caip2, new Journal(network.caip2)),
          chain,
          payerCodeGas,
          remote,
          wallets: (config.SETTLEMENT_PRIVATE_KEY ?? []).map(
            (key) => new RpcSettlementWallet(rpc, network, key, settlementGas(config)),
          ),
          signals,
          recover,
          operations,
          phases,
          leaseHolder: instanceName('worker'),
          onProblem,
        });
      },
    },
  ];
}

/** The facilitator that FACILITATOR_URL names, when it settles on our network; null: we settle ourselves. */
async function remoteSettlement(config: Config, pool: Pool): Promise<RemoteSettlement | null> {
  if (config.FACILITATOR_URL === undefined) return null;
  const network = networkOf(config);
  const facilitator = new HttpFacilitator({
    url: config.FACILITATOR_URL,
    network,
    timeoutMs: config.FACILITATOR_TIMEOUT_MS,
    authorization: config.FACILITATOR_AUTH_HEADER,
  });
  await facilitator.assertSupports();
  const journal = new Journal(network.caip2);
  return { facilitator, store: new FacilitatorRepository(pool, network.caip2, journal, config.FACILITATOR_FEE_ATOMIC) };
}

/** Payments of a process. `operations` is the module that exports OperationRegistry. */
@Module({})
export class PaymentsModule {
  /** Takes payments: the lane of all priced routes. */
  static forGateway(operations: Required<DynamicModule>['imports'][number]): DynamicModule {
    return {
      module: PaymentsModule,
      global: true,
      imports: [operations],
      controllers: [OwnPaymentsController, PriceListsController, SettlementController],
      providers: [...coreProviders('gateway'), ...gatewayProviders(), ...ownerProviders()],
      exports: [PRICE_BOOK, ViemChain, WALLET_SIGNATURES],
    };
  }

  /** Settles payments: the queue of the settlement key and the upkeep of claims. */
  static forWorker(operations: Required<DynamicModule>['imports'][number]): DynamicModule {
    return {
      module: PaymentsModule,
      global: true,
      imports: [operations],
      providers: [...coreProviders('worker'), ...workerProviders()],
      exports: [ViemChain],
    };
  }
}
