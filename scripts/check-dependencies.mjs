// Checks which way imports run (.dependency-cruiser.cjs). Through the library, not its command: that one refuses Node 20.
import path from 'node:path';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { cruise } from 'dependency-cruiser';
import extractTSConfig from 'dependency-cruiser/config-utl/extract-ts-config';

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
process.chdir(root);
const { forbidden, options } = createRequire(import.meta.url)('../.dependency-cruiser.cjs');
const { tsConfig, ...cruiseOptions } = options;
const { output } = await cruise(
  ['apps', 'libs'],
  { ...cruiseOptions, ruleSet: { forbidden }, validate: true },
  cruiseOptions.enhancedResolveOptions,
  { tsConfig: extractTSConfig(path.join(root, tsConfig.fileName)) },
);
const { violations, totalCruised } = output.summary;
for (const { rule, from, to, cycle } of violations) {
  const route = cycle ? cycle.map(({ name }) => name).join(' → ') : to;
  process.stdout.write(`${rule.name}: ${from} → ${route}\n`);
}
process.stdout.write(`${totalCruised} modules, ${violations.length} violations\n`);
process.exitCode = violations.length === 0 && totalCruised > 0 ? 0 : 1;
