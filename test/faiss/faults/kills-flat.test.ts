import { testKills } from '../../support/faiss-kills.ts';

testKills('flat');
