// SPDX-License-Identifier: UNLICENSED
pragma solidity 0.8.37;

/// A contract wallet for tests: accepts by EIP-1271 what its owner's key signed. Its behaviour can be switched, as an
/// upgradeable wallet's can between the check of a payment and its settlement.
contract DevSmartWallet {
    enum Behaviour {
        OwnerSigns,
        RejectsAll,
        BurnsGas
    }

    bytes4 private constant ACCEPTED = 0x1626ba7e;
    bytes4 private constant REJECTED = 0xffffffff;

    address public owner;
    Behaviour public behaviour;

    constructor(address owner_) {
        owner = owner_;
    }

    /// Anyone may switch a test wallet.
    function setBehaviour(Behaviour behaviour_) external {
        behaviour = behaviour_;
    }

    function isValidSignature(bytes32 digest, bytes calldata signature) external view returns (bytes4) {
        if (behaviour == Behaviour.BurnsGas) {
            bytes32 hash = digest;
            while (true) hash = keccak256(abi.encode(hash));
        }
        if (behaviour == Behaviour.RejectsAll || signature.length != 65) return REJECTED;
        address signer =
            ecrecover(digest, uint8(signature[64]), bytes32(signature[0:32]), bytes32(signature[32:64]));
        return signer != address(0) && signer == owner ? ACCEPTED : REJECTED;
    }
}
