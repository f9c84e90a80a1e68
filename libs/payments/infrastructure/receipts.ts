import type { AuthorizedTransfer, MinedTransaction } from '../application/ports/evm-chain';
import type { Hex } from '../domain/networks';

/** `AuthorizationUsed(address,bytes32)` */
const AUTHORIZATION_USED = '0x98de503528ee59b575ef0c0a2576a82497bfc029a5685b209e9ec333479b10a5';
/** `Transfer(address,address,uint256)` */
const TRANSFER = '0xddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef';

interface WireLog {
  readonly address: string;
  readonly topics: readonly string[];
  readonly data: string;
}

interface WireReceipt {
  readonly status: string;
  readonly blockNumber: string;
  readonly blockHash: Hex;
  readonly gasUsed: string;
  readonly effectiveGasPrice: string;
  /** Of an OP-stack rollup: what the data costs on the chain below. */
  readonly l1Fee?: string | null;
  readonly logs: readonly WireLog[];
}

const addressOf = (topic: string | undefined): Hex => `0x${(topic ?? '').slice(26).toLowerCase()}`;

/** A receipt as the node gives it; null when it has none. */
export function toMinedTransaction(result: unknown, usdc: Hex): MinedTransaction | null {
  if (result === null || result === undefined) return null;
  const receipt = result as WireReceipt;
  const gasUsed = BigInt(receipt.gasUsed);
  const effectiveGasPriceWei = BigInt(receipt.effectiveGasPrice);
  return {
    succeeded: receipt.status === '0x1',
    blockNumber: BigInt(receipt.blockNumber),
    blockHash: receipt.blockHash,
    gasUsed,
    effectiveGasPriceWei,
    feeWei: gasUsed * effectiveGasPriceWei + BigInt(receipt.l1Fee ?? 0),
    transfers: authorizedTransfers(receipt.logs, usdc),
  };
}

/** The token emits AuthorizationUsed and directly after it the Transfer of the same authorization. */
function authorizedTransfers(logs: readonly WireLog[], usdc: Hex): AuthorizedTransfer[] {
  const transfers: AuthorizedTransfer[] = [];
  logs.forEach((log, index) => {
    const next = logs[index + 1];
    if (log.topics[0] !== AUTHORIZATION_USED || log.address.toLowerCase() !== usdc) return;
    if (next?.topics[0] !== TRANSFER || next.address.toLowerCase() !== usdc) return;
    transfers.push({
      authorizer: addressOf(log.topics[1]),
      nonce: (log.topics[2] ?? '').toLowerCase() as Hex,
      to: addressOf(next.topics[2]),
      valueAtomic: BigInt(next.data),
    });
  });
  return transfers;
}
