// SPDX-License-Identifier: MIT
pragma solidity ^0.8.24;

/// Fills the logs table with every shape of log: one call emits LOG0 to LOG4.
contract Emitter {
    event Bare(uint256 value) anonymous;
    event NoTopic(bytes data);
    event OneTopic(uint256 indexed id, bytes data);
    event TwoTopics(uint256 indexed id, address indexed sender, bytes data);
    event ThreeTopics(uint256 indexed id, address indexed sender, uint256 indexed value, bytes data);
    event Transfer(address indexed from, address indexed to, uint256 value);

    /// Data is as long as `id` says, modulo 200, so that lengths differ and may be zero.
    function ping(uint256 id) external payable {
        bytes memory data = new bytes(id % 200);
        for (uint256 i = 0; i < data.length; i++) {
            data[i] = bytes1(uint8(id + i));
        }
        emit Bare(id);
        emit NoTopic(data);
        emit OneTopic(id, data);
        emit TwoTopics(id, msg.sender, data);
        emit ThreeTopics(id, msg.sender, msg.value, data);
        emit Transfer(msg.sender, address(this), msg.value);
    }

    /// Always reverts: a transaction with status false and without logs.
    function fail() external pure {
        revert("failed on purpose");
    }
}
