"use strict";
const { problemOf, ...errors } = require("./errors.cjs");

module.exports = { ...require("./client.cjs"), ...errors };
