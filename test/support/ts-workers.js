// Preloaded into the test processes and, because threads inherit it, into their workers: lets Node 20 load
// worker threads that are TypeScript files.
import { register } from 'tsx/esm/api';

register();
