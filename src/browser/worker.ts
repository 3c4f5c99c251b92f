import { serveModel } from './serve-model.js';

serveModel({ plain: () => import('../tensor/kernels/generated/plain.js') });
