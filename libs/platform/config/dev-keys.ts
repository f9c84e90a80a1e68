import { mnemonicToAccount } from 'viem/accounts';
import { bytesToHex } from 'viem';

/** The mnemonic that Anvil and Hardhat print at start; its keys are public. */
export const DEV_MNEMONIC = 'test test test test test test test test test test test junk';
const DEV_ACCOUNT_COUNT = 20;

export function devPrivateKey(addressIndex: number): `0x${string}` {
  const key = mnemonicToAccount(DEV_MNEMONIC, { addressIndex }).getHdKey().privateKey;
  if (key === null) throw new Error(`no private key at index ${addressIndex}`);
  return bytesToHex(key);
}

export function isWellKnownDevKey(privateKey: string): boolean {
  for (let index = 0; index < DEV_ACCOUNT_COUNT; index++) {
    if (devPrivateKey(index).toLowerCase() === privateKey.toLowerCase()) return true;
  }
  return false;
}
