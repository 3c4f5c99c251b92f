import { serveModel } from './serve-model.js';

serveModel({ plain: () => import('../tensor/kernels/generated/decoding-plain.js') });
