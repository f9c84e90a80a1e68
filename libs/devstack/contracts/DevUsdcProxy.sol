// SPDX-License-Identifier: UNLICENSED
pragma solidity 0.8.37;

/// What stands at the token's address: as on the real networks an upgradeable proxy, whose reads of its own slots and
/// whose hop into the implementation are part of what every transfer costs. Both slots are written by the chain's set-up.
contract DevUsdcProxy {
    bytes32 private constant ADMIN = keccak256("org.zeppelinos.proxy.admin");
    bytes32 private constant IMPLEMENTATION = keccak256("org.zeppelinos.proxy.implementation");

    fallback() external payable {
        bytes32 adminSlot = ADMIN;
        bytes32 implementationSlot = IMPLEMENTATION;
        address admin;
        assembly {
            admin := sload(adminSlot)
        }
        require(msg.sender != admin, "Cannot call fallback function from the proxy admin");
        assembly {
            let implementation := sload(implementationSlot)
            calldatacopy(0, 0, calldatasize())
            let success := delegatecall(gas(), implementation, 0, calldatasize(), 0, 0)
            returndatacopy(0, 0, returndatasize())
            switch success
            case 0 { revert(0, returndatasize()) }
            default { return(0, returndatasize()) }
        }
    }
}
