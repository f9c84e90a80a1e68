/**
 * Gas that payers' own code (contract wallets, EIP-7702) burnt within the last hour, against a budget of the installation:
 * a limit for each wallet is none for somebody who makes wallets.
 */
export interface PayerCodeGas {
  /** Nothing is left of the budget. */
  isUsedUp(): Promise<boolean>;
  /** Nothing would be left if what is on its way burnt all that it can. */
  isSpokenFor(): Promise<boolean>;
}
