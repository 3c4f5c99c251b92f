import { serveModel } from './serve-model.js';

serveModel({ 'plain-relaxed': () => import('../tensor/kernels/generated/plain-relaxed.js') });
