#!/bin/sh
# Builds the client without Maven, which needs a network: marketplace-client-1.0.0.jar and the classes of the tests.
#   sh build.sh FOLDER
set -eu
cd "$(dirname "$0")"
out=${1:-target}
mkdir -p "$out/classes" "$out/test-classes"
javac --release 11 -Xlint:all -Werror -encoding UTF-8 -d "$out/classes" src/main/java/module-info.java src/main/java/org/marketplace/client/*.java
jar --create --file "$out/marketplace-client-1.0.0.jar" -C "$out/classes" .
javac --release 11 -Xlint:all -Werror -encoding UTF-8 -cp "$out/classes" -d "$out/test-classes" src/test/java/org/marketplace/client/*.java
