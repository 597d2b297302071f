/** The page: src/web → dist/web. Everything it loads is in there, by addresses that are relative to it, so it works below any path. */
import { defineConfig } from 'vite';

export default defineConfig({
  root: new URL('./src/web/', import.meta.url).pathname,
  base: './',
  publicDir: false,
  build: {
    outDir: '../../dist/web',
    emptyOutDir: true,
    assetsDir: 'assets',
    target: 'es2022',
    // A source map would triple the package.
    sourcemap: false,
    // Inlined as data: they would need exceptions in the Content Security Policy.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 600,
  },
});
