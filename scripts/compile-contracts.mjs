// Compiles the Solidity files of one folder and prints { name: { abi, bytecode, deployedBytecode } } as JSON.
// A process of its own: the compiler is 9 MB of generated code with handlers that nobody wants in a server or a test.
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import solc from 'solc';

const folder = process.argv[2];
const files = readdirSync(folder).filter((file) => file.endsWith('.sol'));
const input = {
  language: 'Solidity',
  sources: Object.fromEntries(files.map((file) => [file, { content: readFileSync(path.join(folder, file), 'utf8') }])),
  settings: {
    evmVersion: 'cancun',
    optimizer: { enabled: true, runs: 1_000_000 },
    outputSelection: { '*': { '*': ['abi', 'evm.bytecode.object', 'evm.deployedBytecode.object'] } },
  },
};
const output = JSON.parse(solc.compile(JSON.stringify(input)));
const problems = (output.errors ?? []).filter((problem) => problem.severity !== 'info');
if (problems.length > 0) {
  process.stderr.write(problems.map((problem) => problem.formattedMessage).join('\n'));
  process.exit(1);
}
const artifacts = {};
for (const contracts of Object.values(output.contracts)) {
  for (const [name, contract] of Object.entries(contracts)) {
    artifacts[name] = {
      abi: contract.abi,
      bytecode: `0x${contract.evm.bytecode.object}`,
      deployedBytecode: `0x${contract.evm.deployedBytecode.object}`,
    };
  }
}
process.stdout.write(JSON.stringify(artifacts));
