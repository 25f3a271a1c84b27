import { defineConfig } from 'vite';

// The page works wherever the console is mounted: its paths are relative to the <base> that the server writes into it.
export default defineConfig({
  root: import.meta.dirname,
  base: './',
  oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
  build: {
    outDir: '../dist/web',
    emptyOutDir: true,
    target: 'es2022',
    // Newer than what scripts need: colours of both themes in one place, by light-dark().
    cssTarget: ['chrome125', 'firefox129', 'safari18'],
    // Inlined assets would need a laxer content security policy.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    // Says how slow a busy machine is.
    rolldownOptions: { checks: { pluginTimings: false } },
  },
});
