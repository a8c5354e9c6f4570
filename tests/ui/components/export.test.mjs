// Rows that are saved as CSV; Python's csv reads them back in the test that runs this.
import { test } from "node:test";
import { given, modules, write } from "./modules.mjs";

const { csv } = await modules("common/export");

test("rows are written", () => write("rows.csv", csv(given().rows)));
