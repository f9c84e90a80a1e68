import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { compileFunction } from 'node:vm';
import type { TsProtoServiceDefinition } from 'nice-grpc';

/** The two gRPC services that the SDK talks to. */
export interface ModalServiceDefinitions {
  readonly controlPlane: TsProtoServiceDefinition;
  readonly commandRouter: TsProtoServiceDefinition;
}

/**
 * Reads the service definitions out of the installed `modal` package. The package does not export them, so a second
 * copy of its CommonJS bundle is evaluated with one line appended. The server side can therefore never disagree with
 * the client on the wire format. The two variable names hold for the pinned version; another version fails here.
 */
export function loadServiceDefinitions(): ModalServiceDefinitions {
  const file = require.resolve('modal');
  const source = `${readFileSync(file, 'utf8')}\nmodule.exports = { ModalClientDefinition, TaskCommandRouterDefinition };\n`;
  const evaluate = compileFunction(source, ['exports', 'require', 'module', '__filename', '__dirname'], { filename: file }) as (
    exports: object,
    require: NodeJS.Require,
    module: { exports: object },
    filename: string,
    dirname: string,
  ) => void;
  const bundle = { exports: {} };
  evaluate(bundle.exports, createRequire(file), bundle, file, '');
  const { ModalClientDefinition, TaskCommandRouterDefinition } = bundle.exports as Record<
    string,
    TsProtoServiceDefinition | undefined
  >;
  if (ModalClientDefinition === undefined || TaskCommandRouterDefinition === undefined) {
    throw new Error('the installed modal package does not carry the expected service definitions');
  }
  return { controlPlane: ModalClientDefinition, commandRouter: TaskCommandRouterDefinition };
}
