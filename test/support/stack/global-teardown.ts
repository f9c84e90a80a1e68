import { runTeardown } from './teardown-list';

export default runTeardown;
