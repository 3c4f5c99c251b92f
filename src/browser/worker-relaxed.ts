import { serveModel } from './serve-model.js';

serveModel({ relaxed: () => import('../tensor/kernels/generated/decoding-relaxed.js') });
