/** Calls models of the marketplace. */
module org.marketplace.client {
    requires transitive java.net.http;

    exports org.marketplace.client;
}
