/**
 * A Prisma client without models, over the driver adapter: what `prisma generate` writes for an empty schema, as far as it runs. (The generator itself is in the
 * package `prisma`, of 200 MB, which downloads an engine that a client over an adapter does not use.)
 */
import { PrismaPg } from '@prisma/adapter-pg';
import { type GetPrismaClientConfig, getPrismaClient } from '@prisma/client/runtime/client';

/** Without types, so not known to the compiler. */
const QUERY_COMPILER: string = '@prisma/client/runtime/query_compiler_small_bg.postgresql';

const config: GetPrismaClientConfig = {
  previewFeatures: [],
  clientVersion: '7.10.0',
  engineVersion: '',
  activeProvider: 'postgresql',
  inlineSchema: 'datasource db {\n  provider = "postgresql"\n}\n',
  runtimeDataModel: { models: {}, enums: {}, types: {} },
  parameterizationSchema: { strings: [], graph: 'AAAA' },
  compilerWasm: {
    getRuntime: () => import(`${QUERY_COMPILER}.mjs`),
    async getQueryCompilerWasmModule() {
      const { wasm } = await import(`${QUERY_COMPILER}.wasm-base64.mjs`);
      return new WebAssembly.Module(Buffer.from(wasm, 'base64'));
    },
    importName: './query_compiler_small_bg.js',
  },
};

/** As far as the generated class declares it for any schema. */
export interface PrismaClient {
  $queryRawUnsafe<T = unknown>(query: string, ...values: unknown[]): Promise<T>;
  $transaction<T>(
    body: (tx: Omit<PrismaClient, '$transaction' | '$disconnect'>) => Promise<T>,
    options?: { maxWait?: number; timeout?: number },
  ): Promise<T>;
  $disconnect(): Promise<void>;
}

export function createPrismaClient(connectionString: string): PrismaClient {
  const Client = getPrismaClient(config) as unknown as new (options: { adapter: PrismaPg }) => PrismaClient;
  return new Client({ adapter: new PrismaPg({ connectionString, max: 4 }) });
}
