import type { DestinationProfile } from '../api/gen/destination_pb.js';
import type { ServiceProfile } from './service-profile.js';
export declare function serviceProfile(message: DestinationProfile): ServiceProfile;
