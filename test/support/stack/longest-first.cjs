// Starts the suites that take minutes first, so that none of them runs alone at the end.
const { default: Sequencer } = require('@jest/test-sequencer');

const LONGEST_FIRST = ['test/properties/', 'test/faults/', 'test/e2e/', 'test/payments/settlement', 'test/payments/'];

const rank = ({ path }) => {
  const index = LONGEST_FIRST.findIndex((part) => path.includes(part));
  return index === -1 ? LONGEST_FIRST.length : index;
};

module.exports = class LongestFirst extends Sequencer {
  sort(tests) {
    return super.sort(tests).sort((one, other) => rank(one) - rank(other)); // stable: within a rank as jest has it
  }
};
